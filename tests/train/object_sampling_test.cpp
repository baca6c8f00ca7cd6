// Objects cut out of clouds and put into others.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <doctest/doctest.h>

#include <regulus/core/random_numbers.hpp>
#include <regulus/evaluate/box_geometry.hpp>
#include <regulus/train/object_sampling.hpp>

using namespace regulus;
using namespace regulus::train;

namespace {

Box3d box_at(float x, float y, float yaw = 0, float length = 4, float width = 2) { return {x, y, -1, length, width, 1.5f, yaw}; }

void add_point(PointCloud& cloud, float x, float y, float z, float mark) { cloud.values.insert(cloud.values.end(), {x, y, z, mark}); }

/// An object with three points along it, one of them right on its middle.
CutObject cut_at(float x, float y, int label, float mark) {
    CutObject one{{box_at(x, y), label}, {}};
    for (const float along : {-1.f, 0.f, 1.f}) add_point(one.points, x + along, y, -0.5f, mark);
    return one;
}

bool touch(const Box3d& a, const Box3d& b) {
    const auto of = [](const Box3d& box) { return evaluate_detail::rectangle(double(box.x), double(box.y), double(box.length), double(box.width), double(box.yaw)); };
    return evaluate_detail::common_area(of(a), of(b)) > 1e-9;
}

/// A bank of two classes: many places of the first, in and out of each other's way, and two of the second.
ObjectBank made_bank() {
    ObjectBank bank(2);
    for (int i = 0; i < 60; ++i) bank[0].push_back(cut_at(float(3 * (i % 10)), float(3 * (i / 10)), 0, float(i)));
    bank[1] = {cut_at(100, 0, 1, 100), cut_at(110, 0, 1, 101)};
    return bank;
}

bool same(const std::vector<CloudObject>& a, const std::vector<CloudObject>& b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](const CloudObject& x, const CloudObject& y) { return x.label == y.label && x.box.x == y.box.x && x.box.y == y.box.y && x.box.z == y.box.z; });
}

}  // namespace

TEST_CASE("object sampling: an object is cut out with the points inside its turned box, borders not counted") {
    PointCloud cloud;
    const CloudObject turned{box_at(10, 5, 0.5235988f), 1}, poor{box_at(-10, 5), 0};
    const auto put = [&](double along, double across, float z, float mark) {
        const double c = std::cos(double(turned.box.yaw)), s = std::sin(double(turned.box.yaw));
        add_point(cloud, float(10 + c * along - s * across), float(5 + s * along + c * across), z, mark);
    };
    put(1.99, 0.99, -0.99f, 1), put(-1.99, -0.99, 0.49f, 2), put(0, 0, 0, 3);
    put(2.01, 0, 0, 4), put(0, 1.01, 0, 5), put(0, 0, -1.01f, 6), put(0, 0, 0.51f, 7), put(0, 0, -1, 8);
    add_point(cloud, -10, 5, 0, 9);
    const float none = std::numeric_limits<float>::quiet_NaN();
    add_point(cloud, none, 5, 0, 10);
    const std::vector<CutObject> cut = cut_objects(cloud, std::vector{turned, poor}, 2);
    REQUIRE(cut.size() == 1);
    CHECK(cut[0].object.label == 1);
    REQUIRE(cut[0].points.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(cut[0].points[i][3] == float(i + 1));
    CHECK(cut_objects(cloud, std::vector{turned, poor}, 1).size() == 2);
    CHECK(cut_objects(cloud, std::vector{turned, poor}, 4).empty());
    CHECK(cut_objects(PointCloud{}, std::vector{turned, poor}, 0).size() == 2);  // with no point
}

TEST_CASE("object sampling: a cloud gets what its classes lack, none in the way of another, and loses its points there") {
    const ObjectBank bank = made_bank();
    std::size_t most = 0, least = 1000;
    for (std::uint64_t key = 0; key < 200; ++key) {
        CAPTURE(key);
        PointCloud cloud;
        for (int x = -4; x < 120; ++x) {
            for (int y = -4; y < 20; ++y) add_point(cloud, float(x) + 0.25f, float(y) + 0.25f, -0.5f, -1);
        }
        const std::size_t own_points = cloud.size();
        const std::vector<CloudObject> own{{box_at(15, 7, 0.7f), 0}, {box_at(40, 40), 0}};
        std::vector<CloudObject> objects = own;
        add_objects(bank, {{9, 5}, 1}, std::nullopt, key, cloud, objects);
        REQUIRE(objects.size() >= own.size());
        CHECK(same({objects.begin(), objects.begin() + 2}, own));
        const auto of_class = [&](int label) { return std::count_if(objects.begin() + 2, objects.end(), [&](const CloudObject& object) { return object.label == label; }); };
        CHECK(of_class(0) <= 7);
        CHECK(of_class(0) >= 1);
        CHECK(of_class(1) == 2);  // all that the bank has
        int touching = 0, left_inside = 0;
        for (std::size_t i = 0; i < objects.size(); ++i) {
            for (std::size_t j = 0; j < i; ++j) touching += touch(objects[i].box, objects[j].box) ? 1 : 0;
        }
        CHECK(touching == 0);
        // In front the objects' points in their order, then the cloud's that lie in none of them.
        const std::size_t added = objects.size() - 2;
        for (std::size_t i = 0; i < 3 * added; ++i) {
            const Box3d& box = objects[2 + i / 3].box;
            CHECK(cloud[i][3] >= 0);
            CHECK(std::abs(cloud[i][0] - box.x) <= 1);
            CHECK(cloud[i][1] == box.y);
        }
        CHECK(cloud.size() == 3 * added + own_points - 8 * added);  // boxes of 4 x 2 m hold eight each
        for (std::size_t i = 3 * added; i < cloud.size(); ++i) {
            for (std::size_t k = 2; k < objects.size(); ++k) left_inside += cloud[i][3] != -1 || (std::abs(cloud[i][0] - objects[k].box.x) < 2 && std::abs(cloud[i][1] - objects[k].box.y) < 1) ? 1 : 0;
        }
        CHECK(left_inside == 0);
        most = std::max(most, added), least = std::min(least, added);
    }
    CHECK(most == 9);   // nobody stood in the way
    CHECK(least < 9);
}

TEST_CASE("object sampling: of those in each other's way the last stays, and an object of the cloud always") {
    ObjectBank bank(1);
    bank[0] = {cut_at(0, 0, 0, 0), cut_at(1, 0, 0, 1), cut_at(2, 0, 0, 2)};  // each touches each
    std::vector<int> stayed(3);
    for (std::uint64_t key = 0; key < 60; ++key) {
        PointCloud cloud;
        std::vector<CloudObject> objects;
        add_objects(bank, {{3}, 1}, std::nullopt, key, cloud, objects);
        REQUIRE(objects.size() == 1);
        ++stayed[std::size_t(cloud[0][3])];
        objects = {{box_at(0, 1), 0}};
        add_objects(bank, {{9}, 1}, std::nullopt, key, cloud, objects);
        CHECK(objects.size() == 1);
    }
    for (const int count : stayed) CHECK(count > 8);  // any may be drawn last
}

TEST_CASE("object sampling: the key decides, and a class that has enough gets nothing") {
    const ObjectBank bank = made_bank();
    const auto sampled = [&](std::uint64_t key, int wanted) {
        PointCloud cloud;
        std::vector<CloudObject> objects{{box_at(-20, 0), 0}};
        add_objects(bank, {{wanted, 0}, 1}, std::nullopt, key, cloud, objects);
        return objects;
    };
    CHECK(same(sampled(3, 5), sampled(3, 5)));
    CHECK_FALSE(same(sampled(3, 5), sampled(4, 5)));
    CHECK(sampled(3, 1).size() == 1);
    CHECK(sampled(3, 0).size() == 1);
}

TEST_CASE("object sampling: objects stand on the ground where it is known") {
    ObjectBank bank(1);
    bank[0] = {cut_at(10, 0, 0, 0)};
    const double tilt = 0.05;
    for (const double side : {1.0, -1.0}) {
        CAPTURE(side);
        const GroundPlane ground{{side * -std::sin(tilt), 0, side * std::cos(tilt)}, side * 1.7 * std::cos(tilt)};  // 1.7 m below the laser
        PointCloud cloud;
        std::vector<CloudObject> objects;
        add_objects(bank, {{1}, 1}, ground, 1, cloud, objects);
        REQUIRE(objects.size() == 1);
        const double up = -std::sin(tilt) * 10 + std::cos(tilt) * (1.7 - 1);  // the bottom was at -1
        CHECK(objects[0].box.z == doctest::Approx(-1 - up).epsilon(1e-6));
        for (std::size_t i = 0; i < 3; ++i) CHECK(cloud[i][2] == doctest::Approx(-0.5 - up).epsilon(1e-6));
    }
}

TEST_CASE("object sampling: what does not fit is refused and changes nothing") {
    const ObjectBank bank = made_bank();
    PointCloud cloud;
    add_point(cloud, 0, 0, 0, 1);
    std::vector<CloudObject> objects{{box_at(50, 50), 0}};
    const auto add = [&](const std::vector<int>& wanted, const std::optional<GroundPlane>& ground) { add_objects(bank, {wanted, 1}, ground, 1, cloud, objects); };
    CHECK_THROWS_WITH_AS(add({1}, {}), "add_objects: objects of 1 classes are wanted, the bank has 2", ArgumentError);
    CHECK_THROWS_WITH_AS(add({3, 3}, GroundPlane{{1, 0, 0}, 0}), "add_objects: the ground's normal leans away from the vertical, it has z 0.000000", ArgumentError);
    objects[0].label = 2;
    CHECK_THROWS_WITH_AS(add({3, 3}, {}), "add_objects: an object has the label 2, there are 2 classes", ArgumentError);
    objects[0].label = -1;
    CHECK_THROWS_AS(add({3, 3}, {}), ArgumentError);
    objects[0].label = 0;
    PointCloud wide{5, {0, 0, 0, 0, 0}};
    CHECK_THROWS_WITH_AS(add_objects(bank, {{3, 3}, 1}, {}, 1, wide, objects), "add_objects: points of an object have 4 numbers, the cloud's 5", ArgumentError);
    CHECK(objects.size() == 1);
    CHECK(cloud.size() == 1);
    CHECK(wide.size() == 1);
    add({}, {});  // nothing is wanted
    CHECK(objects.size() == 1);
}

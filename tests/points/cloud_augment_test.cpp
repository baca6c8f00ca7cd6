#include <cmath>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include <regulus/data/cloud_augment.hpp>

using namespace regulus;

namespace {

/// Corners of a box's bottom, its heading's side first, and of its top.
PointCloud corners(const Box3d& box) {
    PointCloud cloud{4, {}};
    for (const float up : {0.f, 1.f}) {
        for (const float along : {0.5f, -0.5f}) {
            for (const float across : {-0.5f, 0.5f}) {
                const double l = double(along * box.length), w = double(across * box.width), c = std::cos(double(box.yaw)), s = std::sin(double(box.yaw));
                cloud.values.insert(cloud.values.end(), {float(box.x + c * l - s * w), float(box.y + s * l + c * w), box.z + up * box.height, 0.25f});
            }
        }
    }
    return cloud;
}

double distance(const float* a, const float* b) { return std::hypot(double(a[0] - b[0]), double(a[1] - b[1]), double(a[2] - b[2])); }

}  // namespace

TEST_CASE("views of clouds: a box goes where its corners go, its front stays its front") {
    const std::vector<Box3d> boxes{{3, -7, -1.5f, 4.5f, 1.9f, 1.6f, 0.3f, 5, 1}, {-20, 11, 0, 0.8f, 0.6f, 1.7f, -2.9f, 0, -1.2f}};
    for (const bool y : {false, true}) {
        for (const bool x : {false, true}) {
            const CloudView view{0.37, 1.04, {0.2, -0.3, 0.1}, y, x};
            for (const Box3d& box : boxes) {
                PointCloud moved = corners(box);
                apply_view(view, moved);
                const Box3d seen = viewed(view, box);
                const PointCloud expected = corners(seen);
                for (std::size_t i = 0; i < 8; ++i) {
                    const std::size_t other = y != x ? i ^ 1u : i;  // one mirror exchanges left and right
                    CHECK(distance(moved[i], expected[other]) < 2e-5);  // float32 of 20 m
                    CHECK(moved[i][3] == 0.25f);
                }
                // In a second the box is where its velocity says.
                Box3d later = box;
                later.x += box.vx;
                later.y += box.vy;
                const Box3d seen_later = viewed(view, later);
                CHECK(std::hypot(double(seen_later.x - seen.x - seen.vx), double(seen_later.y - seen.y - seen.vy)) < 2e-5);
            }
        }
    }
}

TEST_CASE("views of clouds: each step by hand") {
    const Box3d box{2, 1, -1, 4, 2, 1.5f, 0.5f, 3, 0};
    const Box3d turned = viewed({1.5707963267948966}, box);
    CHECK(turned.x == doctest::Approx(-1));
    CHECK(turned.y == doctest::Approx(2));
    CHECK(turned.yaw == doctest::Approx(0.5 + 1.5707963267948966));
    CHECK(turned.vy == doctest::Approx(3));
    const Box3d larger = viewed({0, 1.5}, box);
    CHECK(larger.z == -1.5f);
    CHECK(larger.length == 6);
    CHECK(larger.height == 2.25f);
    CHECK(larger.vx == 4.5f);
    const Box3d moved = viewed({0, 1, {1, 2, 3}}, box);
    CHECK(moved.z == 2);
    CHECK(moved.vx == 3);
    const Box3d mirrored = viewed({0, 1, {}, true}, box);
    CHECK(mirrored.y == -1);
    CHECK(mirrored.yaw == -0.5f);
    CHECK(viewed({0, 1, {}, false, true}, box).yaw == doctest::Approx(3.14159265358979323846 - 0.5));
}

TEST_CASE("views of clouds: choices follow from the key, reach all that is allowed, and no more") {
    const CloudAugmentation augmentation;
    double least = 1, greatest = -1, small = 2, large = 0;
    int flips = 0;
    for (std::uint64_t key = 0; key < 2000; ++key) {
        const CloudView view = random_cloud_view(augmentation, key);
        CHECK(view == random_cloud_view(augmentation, key));
        least = std::min(least, view.angle), greatest = std::max(greatest, view.angle);
        small = std::min(small, view.scale), large = std::max(large, view.scale);
        flips += view.is_flipped_y;
        CHECK(!view.is_flipped_x);
        CHECK(view.translation == std::array<double, 3>{});
    }
    CHECK(least >= -0.3925);
    CHECK(least < -0.38);
    CHECK(greatest <= 0.3925);
    CHECK(greatest > 0.38);
    CHECK(small >= 0.95);
    CHECK(small < 0.952);
    CHECK(large <= 1.05);
    CHECK(large > 1.048);
    CHECK(std::abs(flips - 1000) < 120);  // five deviations
    CHECK(kitti_augmentation().rotation == doctest::Approx(0.7853981633974483));
    CloudAugmentation moves;
    moves.translation = 0.2;
    double squares = 0;
    for (std::uint64_t key = 0; key < 2000; ++key) squares += std::pow(random_cloud_view(moves, key).translation[2], 2) / 2000;
    CHECK(std::sqrt(squares) == doctest::Approx(0.2).epsilon(0.08));  // five deviations
}

TEST_CASE("views of clouds: settings that make no sense") {
    const auto refused = [](auto change) {
        CloudAugmentation augmentation;
        change(augmentation);
        CHECK_THROWS_AS(random_cloud_view(augmentation, 1), ArgumentError);
    };
    refused([](CloudAugmentation& a) { a.rotation = -1; });
    refused([](CloudAugmentation& a) { a.translation = NAN; });
    refused([](CloudAugmentation& a) { a.least_scale = 0; });
    refused([](CloudAugmentation& a) { a.greatest_scale = 0.9; });
    refused([](CloudAugmentation& a) { a.flip_y = 1.1; });
    refused([](CloudAugmentation& a) { a.flip_x = -0.1; });
}

TEST_CASE("shuffle_points: the same points in an order that follows from the key") {
    PointCloud cloud{5, {}};
    for (int i = 0; i < 200; ++i) cloud.values.insert(cloud.values.end(), {float(i), float(i + 1), float(i + 2), float(i + 3), float(i + 4)});
    PointCloud shuffled = cloud, again = cloud, other = cloud;
    shuffle_points(shuffled, 1);
    shuffle_points(again, 1);
    shuffle_points(other, 2);
    CHECK(shuffled.values == again.values);
    CHECK(shuffled.values != cloud.values);
    CHECK(shuffled.values != other.values);
    std::set<float> seen;
    for (std::size_t i = 0; i < shuffled.size(); ++i) {
        seen.insert(shuffled[i][0]);
        for (int k = 1; k < 5; ++k) CHECK(shuffled[i][k] == shuffled[i][0] + float(k));
    }
    CHECK(seen.size() == 200);
}

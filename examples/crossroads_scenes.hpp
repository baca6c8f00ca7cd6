#pragma once
// Made-up crossroads, and what a turning laser scanner on a car sees of them: clouds to teach with whose objects are known exactly. All follows from a key.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include <regulus/core/random_numbers.hpp>
#include <regulus/data/box3d.hpp>
#include <regulus/data/point_cloud.hpp>

namespace crossroads {

enum Label : int { car, pedestrian, cyclist };

/// An object as it stands there.
struct Object {
    regulus::Box3d box;
    int label = car;
    int points = 0;  ///< that the scanner got from it
};

/// A cloud of x, y, z, reflectance in the scanner's frame, x ahead, and the objects around it.
struct Scan {
    regulus::PointCloud cloud;
    std::vector<Object> objects;
};

namespace detail {

inline constexpr double ground = -1.8, pavement = 0.12;  // metres: the road below the scanner, the pavement above the road

enum class Solid : std::uint8_t { box, cylinder, ellipsoid };  // a cylinder stands upright and is open at its ends

/// A solid in the scanner's frame.
struct Shape {
    Solid solid = Solid::box;
    std::array<double, 3> centre{}, half{};  // half its length, width, height
    double cosine = 1, sine = 0;             // of its yaw
    double reflectance = 0.3;
    int object = -1;  // what it is part of; -1: nothing that is looked for
};

/// How far along the ray from the origin a shape begins; infinite where it is missed.
inline double distance_to(const Shape& shape, const std::array<double, 3>& ray) {
    constexpr double missed = std::numeric_limits<double>::infinity();
    const double c = shape.cosine, s = shape.sine;
    const auto turned = [&](const std::array<double, 3>& v) { return std::array<double, 3>{c * v[0] + s * v[1], c * v[1] - s * v[0], v[2]}; };
    const std::array<double, 3> to = turned(shape.centre), along = turned(ray);
    if (shape.solid == Solid::box) {
        double enter = 0, leave = missed;
        for (std::size_t axis = 0; axis < 3; ++axis) {
            const double inverse = 1 / along[axis];  // a ray along a face: plus or minus infinity, which is right
            const double a = (to[axis] - shape.half[axis]) * inverse, b = (to[axis] + shape.half[axis]) * inverse;
            enter = std::max(enter, std::min(a, b));
            leave = std::min(leave, std::max(a, b));
        }
        return enter > 0 && enter <= leave ? enter : missed;
    }
    double square = 0, middle = 0, rest = -1;  // of the distance's quadratic equation, axes in units of the half sizes
    for (std::size_t axis = 0; axis < (shape.solid == Solid::cylinder ? 2 : 3); ++axis) {
        const double d = along[axis] / shape.half[axis], p = to[axis] / shape.half[axis];
        square += d * d;
        middle += d * p;
        rest += p * p;
    }
    const double root = middle * middle - square * rest;
    if (root < 0 || rest <= 0 || middle <= 0) return missed;
    const double distance = (middle - std::sqrt(root)) / square;
    return shape.solid == Solid::cylinder && std::abs(distance * along[2] - to[2]) > shape.half[2] ? missed : distance;
}

/// Roads cross at a place; the scanner's car drives on one of them. Everything is put down in the frame of the roads and seen from the scanner.
class Builder {
public:
    explicit Builder(std::uint64_t key) : random_(key) {
        half_x_ = between(4, 8);
        half_y_ = between(4, 8);
        ego_x_ = between(-32, 32);
        ego_y_ = -half_x_ * between(0.3, 0.6);
        heading_ = between(-0.15, 0.15);
        taken_.push_back({ego_x_, ego_y_, 3.5});
    }

    void build() {
        for (int i = 0; i < 8; ++i) wall();
        repeat(6, 16, [&] { add_car(); });
        repeat(4, 12, [&] { add_pedestrian(); });
        repeat(3, 8, [&] { add_cyclist(); });
        repeat(4, 12, [&] { tree(); });
        repeat(3, 10, [&] { pole(); });
        repeat(2, 8, [&] { bin(); });
        repeat(0, 4, [&] { hedge(); });
    }

    /// Whether there is a road below a place of the scanner's frame.
    bool on_road(double x, double y) const {
        const double c = std::cos(heading_), s = std::sin(heading_);
        return std::abs(ego_y_ + s * x + c * y) < half_x_ || std::abs(ego_x_ + c * x - s * y) < half_y_;
    }

    std::vector<Shape> shapes;
    std::vector<Object> objects;

private:
    struct Circle {
        double x, y, radius;
    };

    /// Where something stands: a place and a heading of the roads' frame.
    struct Place {
        double x, y, yaw;
    };

    double between(double least, double most) { return least + (most - least) * random_.uniform(); }
    bool chance(double probability) { return random_.uniform() < probability; }

    template <class Add>
    void repeat(int least, int most, Add add) {
        for (int n = least + int(random_.below(std::uint64_t(most - least + 1))); n > 0; --n) add();
    }

    /// A place that `choose` gives where a circle is free, which it takes; false when twenty were not.
    template <class Choose>
    bool find_place(double radius, Choose choose, Place& place) {
        for (int tries = 0; tries < 20; ++tries) {
            place = choose();
            const bool is_free = std::none_of(taken_.begin(), taken_.end(), [&](const Circle& other) { return std::hypot(place.x - other.x, place.y - other.y) < radius + other.radius; });
            if (!is_free) continue;
            taken_.push_back({place.x, place.y, radius});
            return true;
        }
        return false;
    }

    /// How far along a road, where the scanner may see it.
    double some_way(bool on_x) { return (on_x ? ego_x_ : ego_y_) + between(-42, 42); }

    /// Beside the middle of one of the roads, `offset` metres to its right side, looking along it or back, as who drives there does.
    Place beside(double along, double offset, bool on_x) {
        const bool back = chance(0.5);
        const double side = back ? offset : -offset, yaw = back ? std::numbers::pi : 0;
        return on_x ? Place{along, side, yaw} : Place{-side, along, yaw + std::numbers::pi / 2};
    }

    Place on_lane(double inner, double outer) {  // parts of half the road's width
        const bool on_x = chance(0.6);
        const double offset = (on_x ? half_x_ : half_y_) * between(inner, outer);
        Place place = beside(some_way(on_x), offset, on_x);
        place.yaw += 0.06 * random_.normal();
        if (chance(0.1)) place.yaw += between(-1.5, 1.5);  // turns, or is parked askew
        return place;
    }

    Place on_pavement(double least, double most) {  // metres from the kerb
        const bool on_x = chance(0.6);
        const double offset = (on_x ? half_x_ : half_y_) + between(least, most);
        return beside(some_way(on_x), offset, on_x);
    }

    bool is_road(const Place& place) const { return std::abs(place.y) < half_x_ || std::abs(place.x) < half_y_; }

    /// A place of the roads' frame in the scanner's.
    std::array<double, 2> seen(double x, double y) const {
        const double c = std::cos(heading_), s = std::sin(heading_);
        x -= ego_x_;
        y -= ego_y_;
        return {c * x + s * y, c * y - s * x};
    }

    /// A shape of a thing that stands at a place, its centre in the thing's own frame, z from the ground below it.
    void add(Solid solid, const Place& place, std::array<double, 3> centre, const std::array<double, 3>& half, double reflectance, int object = -1, double lift = 0) {
        const double c = std::cos(place.yaw), s = std::sin(place.yaw);
        const std::array<double, 2> at = seen(place.x + c * centre[0] - s * centre[1], place.y + s * centre[0] + c * centre[1]);
        const double yaw = place.yaw - heading_;
        shapes.push_back({solid, {at[0], at[1], ground + lift + centre[2]}, half, std::cos(yaw), std::sin(yaw), reflectance, object});
    }

    /// An object that is looked for; returns its number.
    int add_object(const Place& place, int label, double length, double width, double height, double lift) {
        const std::array<double, 2> at = seen(place.x, place.y);
        regulus::Box3d box;
        box.x = float(at[0]);
        box.y = float(at[1]);
        box.z = float(ground + lift);
        box.length = float(length);
        box.width = float(width);
        box.height = float(height);
        box.yaw = float(std::remainder(place.yaw - heading_, 2 * std::numbers::pi));
        objects.push_back({box, label, 0});
        return int(objects.size()) - 1;
    }

    void add_car() {
        const double length = between(3.7, 5.1), width = between(1.7, 2), height = between(1.4, 1.75), paint = between(0.05, 0.9);
        const bool parked = chance(0.4);
        Place place{};
        if (!find_place(2.6, [&] { return parked ? on_lane(0.75, 0.85) : on_lane(0.25, 0.6); }, place)) return;
        const int object = add_object(place, car, length, width, height, 0);
        const double belt = 0.58 * height, back = chance(0.5) ? 0.05 : 0.16;  // saloons and estates
        add(Solid::box, place, {0, 0, 0.5 * (0.22 + belt)}, {length / 2, width / 2, 0.5 * (belt - 0.22)}, paint, object);
        add(Solid::box, place, {-back * length, 0, 0.5 * (belt + 0.9 * height)}, {0.31 * length, 0.46 * width, 0.5 * (0.9 * height - belt)}, 0.15, object);
        add(Solid::box, place, {-back * length, 0, 0.95 * height}, {0.24 * length, 0.42 * width, 0.05 * height}, paint, object);
        for (const double wheel : {-0.31, 0.31}) {
            for (const double side : {-1., 1.}) add(Solid::box, place, {wheel * length, side * (width / 2 - 0.12), 0.31}, {0.3, 0.11, 0.31}, 0.08, object);
        }
    }

    /// `seat`: the height of a saddle to sit on, bent forward; 0: the person stands.
    void add_person(const Place& place, double height, double seat, double cloth, int object, double lift) {
        const bool sits = seat > 0;
        const double size = height / 1.75, lean = sits ? 0.25 : 0, step = sits ? 0 : between(-0.2, 0.2), hip = sits ? seat : 0.8 * size;
        if (sits) {
            add(Solid::cylinder, place, {0.1, 0.12, seat - 0.35}, {0.09, 0.09, 0.4}, cloth, object, lift);
            add(Solid::cylinder, place, {0.1, -0.12, seat - 0.3}, {0.09, 0.09, 0.4}, cloth, object, lift);
        } else {
            add(Solid::cylinder, place, {step, 0.1, 0.4 * size}, {0.08, 0.08, 0.4 * size}, cloth, object, lift);
            add(Solid::cylinder, place, {-step, -0.1, 0.4 * size}, {0.08, 0.08, 0.4 * size}, cloth, object, lift);
        }
        add(Solid::ellipsoid, place, {0.5 * lean, 0, hip + 0.32 * size}, {0.16 + 0.4 * lean, 0.25, 0.38 * size}, cloth, object, lift);
        add(Solid::ellipsoid, place, {lean, 0, height - 0.13}, {0.12, 0.1, 0.13}, 0.3, object, lift);
    }

    void add_pedestrian() {
        Place place{};
        if (!find_place(0.5, [&] { return chance(0.25) ? on_lane(0, 1) : on_pavement(0.4, 3.5); }, place)) return;
        place.yaw += chance(0.5) ? 0.1 * random_.normal() : between(0, 2 * std::numbers::pi);
        const double height = between(1.5, 1.95), lift = is_road(place) ? 0 : pavement, width = between(0.55, 0.75), length = between(0.55, 0.8);
        const int object = add_object(place, pedestrian, length, width, height, lift);
        add_person(place, height, 0, between(0.05, 0.8), object, lift);
    }

    void add_cyclist() {
        Place place{};
        if (!find_place(1, [&] { return on_lane(0.5, 0.95); }, place)) return;
        const double length = between(1.6, 1.9), height = between(1.6, 1.85);
        const int object = add_object(place, cyclist, length, between(0.5, 0.7), height, 0);
        for (const double wheel : {-0.5, 0.5}) add(Solid::ellipsoid, place, {wheel * (length - 0.66), 0, 0.33}, {0.33, 0.03, 0.33}, 0.2, object);
        add(Solid::box, place, {0, 0, 0.65}, {0.35, 0.03, 0.25}, 0.4, object);
        add(Solid::box, place, {0.4, 0, 1.02}, {0.03, 0.25, 0.03}, 0.3, object);
        add_person(place, height, 0.85, between(0.05, 0.8), object, 0);
    }

    void wall() {
        const bool on_x = chance(0.6);
        const double length = between(4, 14), depth = between(3, 6), height = between(3, 10);  // halves, but for the height
        const double offset = (on_x ? half_x_ : half_y_) + between(4.5, 9) + depth;
        const Place place = beside(some_way(on_x), offset, on_x);
        if (on_x ? std::abs(place.x) < half_y_ + 4 + length : std::abs(place.y) < half_x_ + 4 + length) return;  // the other road is there
        add(Solid::box, place, {0, 0, height / 2}, {length, depth, height / 2}, between(0.2, 0.6));
    }

    void tree() {
        Place place{};
        if (!find_place(0.6, [&] { return on_pavement(0.5, 4.5); }, place)) return;
        const double trunk = between(1.8, 3), crown = between(1, 2.5), radius = between(0.1, 0.3);
        add(Solid::cylinder, place, {0, 0, trunk / 2}, {radius, radius, trunk / 2}, 0.25);
        add(Solid::ellipsoid, place, {0, 0, trunk + 0.8 * crown}, {crown, crown, crown}, 0.45);
    }

    void pole() {
        Place place{};
        if (!find_place(0.4, [&] { return on_pavement(0.3, 1.5); }, place)) return;
        const double height = chance(0.5) ? between(0.9, 1.3) : between(2.5, 7), radius = between(0.05, 0.14);
        add(Solid::cylinder, place, {0, 0, height / 2}, {radius, radius, height / 2}, between(0.2, 0.8));
        if (height > 2.5 && chance(0.4)) add(Solid::box, place, {0, 0, 2.3}, {0.02, 0.3, 0.3}, 0.95);  // a sign
    }

    void bin() {
        Place place{};
        if (!find_place(0.8, [&] { return on_pavement(0.8, 4); }, place)) return;
        place.yaw += 0.3 * random_.normal();
        const double height = between(0.8, 1.6), reflectance = between(0.1, 0.6), length = between(0.25, 0.8), width = between(0.25, 0.5);
        add(Solid::box, place, {0, 0, height / 2 + pavement}, {length, width, height / 2}, reflectance);
    }

    void hedge() {
        Place place{};
        const double length = between(1, 4), height = between(0.6, 1.4);
        if (!find_place(length, [&] { return on_pavement(2.5, 4.5); }, place)) return;
        add(Solid::box, place, {0, 0, height / 2 + pavement}, {length, between(0.3, 0.5), height / 2}, 0.5);
    }

    regulus::RandomStream random_;
    double half_x_, half_y_;          // half the widths of the roads along x and y
    double ego_x_, ego_y_, heading_;  // the scanner in the roads' frame
    std::vector<Circle> taken_;
};

inline constexpr int beams = 48, columns = 1000;  // of a turn
inline constexpr double reach = 60;                // metres

/// The directions of all rays, column by column: beams from 24 degrees below to 4 above the horizon.
inline const std::vector<std::array<double, 3>>& rays() {
    static const std::vector<std::array<double, 3>> all = [] {
        std::vector<std::array<double, 3>> list;
        for (int column = 0; column < columns; ++column) {
            for (int beam = 0; beam < beams; ++beam) {
                const double elevation = (-24 + 28 * double(beam) / (beams - 1)) * (std::numbers::pi / 180), azimuth = 2 * std::numbers::pi * column / columns;
                list.push_back({std::cos(elevation) * std::cos(azimuth), std::cos(elevation) * std::sin(azimuth), std::sin(elevation)});
            }
        }
        return list;
    }();
    return all;
}

/// What a ray meets first.
struct Hit {
    double distance = reach;
    int shape = -1;  // -1: none of them
};

/// Of all rays(). Each shape is held against the columns that it can lie in.
inline std::vector<Hit> first_hits(const std::vector<Shape>& shapes) {
    constexpr double turn = 2 * std::numbers::pi;
    std::vector<Hit> hits(rays().size());
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        const Shape& shape = shapes[i];
        const double away = std::hypot(shape.centre[0], shape.centre[1]), size = std::hypot(shape.half[0], shape.half[1]);
        if (away - size > reach) continue;
        const double spread = size < away ? std::asin(size / away) : std::numbers::pi, azimuth = std::atan2(shape.centre[1], shape.centre[0]);
        const int first = int(std::floor((azimuth - spread) / turn * columns)), last = std::min(int(std::ceil((azimuth + spread) / turn * columns)), first + columns - 1);
        for (int at = first; at <= last; ++at) {
            const std::size_t column = std::size_t(((at % columns) + columns) % columns);
            for (std::size_t ray = column * beams; ray < (column + 1) * beams; ++ray) {
                const double distance = distance_to(shape, rays()[ray]);
                if (distance < hits[ray].distance) hits[ray] = {distance, int(i)};
            }
        }
    }
    return hits;
}

}  // namespace detail

/// What a scanner of 48 beams and 1,000 columns a turn gets from a scene within 60 m; noise of 2 cm, one ray in twenty is lost.
inline Scan make_scan(std::uint64_t key) {
    using namespace detail;
    Builder scene(regulus::random_key(key, "scene"));
    scene.build();
    const std::vector<Hit> hits = first_hits(scene.shapes);
    Scan scan;
    scan.objects = std::move(scene.objects);
    regulus::RandomStream random(regulus::random_key(key, "rays"));
    for (std::size_t i = 0; i < hits.size(); ++i) {
        const std::array<double, 3>& ray = rays()[i];
        Hit hit = hits[i];
        double reflectance = hit.shape >= 0 ? scene.shapes[std::size_t(hit.shape)].reflectance : 0;
        for (const double level : {ground + pavement, ground}) {
            const double distance = ray[2] < 0 ? level / ray[2] : reach;
            const bool is_there = level == ground || !scene.on_road(distance * ray[0], distance * ray[1]);
            if (is_there && distance < hit.distance) hit = {distance, -1}, reflectance = level == ground ? 0.12 : 0.25;
        }
        if (hit.distance >= reach || random.uniform() < 0.05) continue;
        const int object = hit.shape >= 0 ? scene.shapes[std::size_t(hit.shape)].object : -1;
        if (object >= 0) ++scan.objects[std::size_t(object)].points;
        const double distance = hit.distance + 0.02 * random.normal();
        for (const double along : ray) scan.cloud.values.push_back(float(distance * along));
        scan.cloud.values.push_back(float(std::clamp(reflectance * (0.7 + 0.6 * random.uniform()), 0., 1.)));
    }
    return scan;
}

}  // namespace crossroads

#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include <regulus/core/error.hpp>
#include <regulus/core/random_numbers.hpp>
#include <regulus/data/point_cloud_filter.hpp>
#include <regulus/evaluate/box_geometry.hpp>
#include <regulus/train/object_sampling.hpp>

namespace regulus::train {

namespace detail {

/// A box that can be asked for many points.
class BoxInterior {
public:
    explicit BoxInterior(const Box3d& box) : box_(box), sine_(std::sin(double(box.yaw))), cosine_(std::cos(double(box.yaw))) {}

    bool holds(const float* point) const {
        const double x = double(point[0]) - double(box_.x), y = double(point[1]) - double(box_.y), z = double(point[2]) - double(box_.z);
        return z > 0 && z < double(box_.height) && 2 * std::fabs(cosine_ * x + sine_ * y) < double(box_.length) && 2 * std::fabs(cosine_ * y - sine_ * x) < double(box_.width);
    }

private:
    Box3d box_;
    double sine_, cosine_;
};

inline evaluate_detail::Rectangle ground_of(const Box3d& box) { return evaluate_detail::rectangle(double(box.x), double(box.y), double(box.length), double(box.width), double(box.yaw)); }

inline bool touch(const Box3d& a, const Box3d& b) { return evaluate_detail::common_area(ground_of(a), ground_of(b)) > 0; }

/// `count` different ones of the list, or all, in a random order.
inline std::vector<const CutObject*> drawn(const std::vector<CutObject>& list, std::size_t count, std::uint64_t key) {
    std::vector<const CutObject*> all;
    for (const CutObject& one : list) all.push_back(&one);
    RandomStream random(key);
    count = std::min(count, all.size());
    for (std::size_t i = 0; i < count; ++i) std::swap(all[i], all[i + std::size_t(random.below(all.size() - i))]);
    all.resize(count);
    return all;
}

/// Takes away, from the first to the last, the candidates that touch an object or another candidate that is still there.
inline void drop_touching(std::vector<const CutObject*>& candidates, std::span<const CloudObject> objects) {
    for (std::size_t i = 0; i < candidates.size();) {
        const Box3d& box = candidates[i]->object.box;
        const bool touches = std::any_of(objects.begin(), objects.end(), [&](const CloudObject& other) { return touch(box, other.box); }) ||
                             std::any_of(candidates.begin(), candidates.end(), [&](const CutObject* other) { return other != candidates[i] && touch(box, other->object.box); });
        if (touches) candidates.erase(candidates.begin() + std::ptrdiff_t(i));
        else ++i;
    }
}

}  // namespace detail

REGULUS_INLINE std::vector<CutObject> cut_objects(const PointCloud& cloud, std::span<const CloudObject> objects, int least_points) {
    std::vector<CutObject> cut;
    for (const CloudObject& object : objects) {
        const detail::BoxInterior interior(object.box);
        CutObject one{object, {cloud.features, {}}};
        for (std::size_t i = 0; i < cloud.size(); ++i) {
            if (interior.holds(cloud[i])) one.points.values.insert(one.points.values.end(), cloud[i], cloud[i] + cloud.features);
        }
        if (std::int64_t(one.points.size()) >= least_points) cut.push_back(std::move(one));
    }
    return cut;
}

REGULUS_INLINE void add_objects(const ObjectBank& bank, const ObjectSampling& sampling, const std::optional<GroundPlane>& ground, std::uint64_t key, PointCloud& cloud, std::vector<CloudObject>& objects) {
    const std::string who = "add_objects: ";
    if (sampling.wanted.empty()) return;
    const std::size_t classes = bank.size();
    if (sampling.wanted.size() != classes) throw ArgumentError(who + "objects of " + std::to_string(sampling.wanted.size()) + " classes are wanted, the bank has " + std::to_string(classes));
    if (ground && !(std::fabs(ground->normal[2]) >= 0.5)) throw ArgumentError(who + "the ground's normal leans away from the vertical, it has z " + std::to_string(ground->normal[2]));
    std::vector<std::int64_t> lacking(sampling.wanted.begin(), sampling.wanted.end());
    for (const CloudObject& object : objects) {
        if (object.label < 0 || std::size_t(object.label) >= classes) throw ArgumentError(who + "an object has the label " + std::to_string(object.label) + ", there are " + std::to_string(classes) + " classes");
        --lacking[std::size_t(object.label)];
    }

    std::vector<CloudObject> all = objects;
    PointCloud points{cloud.features, {}};
    for (std::size_t label = 0; label < classes; ++label) {
        std::vector<const CutObject*> candidates = detail::drawn(bank[label], std::size_t(std::max<std::int64_t>(lacking[label], 0)), random_key(key, std::uint64_t(label)));
        detail::drop_touching(candidates, all);
        for (const CutObject* one : candidates) {
            if (one->points.features != cloud.features) {
                throw ArgumentError(who + "points of an object have " + std::to_string(one->points.features) + " numbers, the cloud's " + std::to_string(cloud.features));
            }
            all.push_back(one->object);
            points.values.insert(points.values.end(), one->points.values.begin(), one->points.values.end());
            if (!ground) continue;
            Box3d& box = all.back().box;
            const float up = float(ground->distance({double(box.x), double(box.y), double(box.z)}) * (ground->normal[2] > 0 ? 1 : -1));
            box.z -= up;
            const std::size_t features = std::size_t(points.features);
            for (std::size_t i = points.size() - one->points.size(); i < points.size(); ++i) points.values[i * features + 2] -= up;
        }
    }
    const std::size_t own = objects.size();
    std::vector<detail::BoxInterior> added;
    for (std::size_t i = own; i < all.size(); ++i) added.emplace_back(all[i].box);
    keep_points(cloud, [&](const float* point) { return std::none_of(added.begin(), added.end(), [&](const detail::BoxInterior& interior) { return interior.holds(point); }); });
    cloud.values.insert(cloud.values.begin(), points.values.begin(), points.values.end());
    objects = std::move(all);
}

}  // namespace regulus::train

#pragma once
// Objects of other clouds put into a cloud that a detector learns from (ground-truth sampling).
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/box3d.hpp>
#include <regulus/data/ground_plane.hpp>
#include <regulus/data/point_cloud.hpp>

namespace regulus::train {

/// An object in the frame of its cloud.
struct CloudObject {
    Box3d box;
    int label = 0;
};

/// An object and the points in its box, both in the frame of the cloud that it was cut out of.
struct CutObject {
    CloudObject object;
    PointCloud points;
};

/// The objects that clouds can get, a list for each class.
using ObjectBank = std::vector<std::vector<CutObject>>;

/// How many objects a cloud gets, and which.
struct ObjectSampling {
    std::vector<int> wanted{};  ///< of each class in a cloud, its own included; empty: clouds get none
    int least_points = 5;       ///< in an object, for the bank
};

/// The objects with `least_points` points or more inside their boxes, borders not counted, in their order.
/// Source: mmdetection3d's create_gt_database.
std::vector<CutObject> cut_objects(const PointCloud& cloud, std::span<const CloudObject> objects, int least_points);

/// Adds objects of the bank to the cloud's own, class by class, until each has as many as are wanted: different ones, drawn by the key, of which those stay away whose boxes seen from
/// above would touch another object. They stand where they stood in their own cloud, moved down or up by how far their bottom lies over `ground`, when that is known. The cloud loses its
/// points inside their boxes and gets theirs in front of its own. Without `wanted` nothing happens. Throws ArgumentError for other numbers of classes than the bank has, labels that are
/// no class, a ground that is not level within 60 degrees, and objects whose points have another number of features; cloud and objects are as they were then.
/// Source: mmdetection3d's ObjectSample; its samplers go through the bank in a random order and begin anew at its end, here each cloud draws on its own.
void add_objects(const ObjectBank& bank, const ObjectSampling& sampling, const std::optional<GroundPlane>& ground, std::uint64_t key, PointCloud& cloud, std::vector<CloudObject>& objects);

}  // namespace regulus::train

#if !defined(REGULUS_COMPILED)
#include <regulus/train/object_sampling-impl.hpp>
#endif

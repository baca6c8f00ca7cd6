#pragma once
// What a 3D detector finds.
#include <string>
#include <vector>

#include <regulus/data/box3d.hpp>

namespace regulus {

/// One object in a point cloud.
struct Detection3d {
    Box3d box;  ///< in the frame of the points
    float score = 0;
    int label = 0;  ///< the network's class, from 0
    std::string class_name;
};

/// All objects of one cloud, in the network's order.
struct DetectionList3d {
    std::vector<Detection3d> items;

    auto begin() const noexcept { return items.begin(); }
    auto end() const noexcept { return items.end(); }
    std::size_t size() const noexcept { return items.size(); }
    bool empty() const noexcept { return items.empty(); }
    const Detection3d& operator[](std::size_t i) const noexcept { return items[i]; }
};

}  // namespace regulus

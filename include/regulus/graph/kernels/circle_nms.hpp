#pragma once
// Suppression of centres that lie close together.
#include <cstddef>
#include <cstdint>

namespace regulus::kernels {

/// Keeps, of `count` centres in the order `order` (best first), those whose squared distance to every kept one is > `squared_radius`; at most `limit`.
/// Centre i lies at (x, y) = (centres[i * step], centres[i * step + 1]), metres. `kept` takes up to limit of the entries of `order`; returns how many.
/// Centres that are not finite neither go nor take others away. Source: mmdetection3d's circle_nms, of CenterPoint (Yin et al., CVPR 2021).
template <class T>
std::int64_t circle_nms(const T* centres, std::int64_t step, const std::int32_t* order, std::int64_t count, T squared_radius, std::int64_t limit, std::int32_t* kept) {
    std::int64_t found = 0;
    for (std::int64_t i = 0; i < count && found < limit; ++i) {
        const T* const centre = centres + order[i] * step;
        bool stays = true;
        for (std::int64_t k = 0; k < found && stays; ++k) {
            const T* const other = centres + kept[k] * step;
            const T dx = centre[0] - other[0], dy = centre[1] - other[1];
            stays = !(dx * dx + dy * dy <= squared_radius);
        }
        if (stays) kept[found++] = order[i];
    }
    return found;
}

}  // namespace regulus::kernels

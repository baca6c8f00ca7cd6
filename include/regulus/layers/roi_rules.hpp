#pragma once
// Rules of wiring for regions of interest: each a named struct whose failure prints both numbers.

namespace regulus {

/// Side of the region maps that a head declares against the side that it is given.
template <int DeclaredSize, int GivenSize>
struct SameSize {
    static_assert(DeclaredSize == GivenSize,
                  "rois: the head declares another side of region maps than it is given (declared == given is printed here); pool the regions to that side");
    static constexpr bool agree = DeclaredSize == GivenSize;
};

/// Regions of one list against regions of another.
template <int LeftMax, int RightMax>
struct SameRois {
    static_assert(LeftMax == RightMax, "rois: the two values belong to different lists of regions, their bounds differ (left == right is printed here)");
    static constexpr bool agree = LeftMax == RightMax;
};

}  // namespace regulus

#pragma once
// The sizes of a tensor, outermost first: [n, c, h, w].
#include <cstdint>
#include <initializer_list>
#include <string>

#include <regulus/core/error.hpp>

namespace regulus {

/// Up to eight sizes, each >= 0. A Shape of rank 0 is a scalar with one element.
class Shape {
public:
    static constexpr int max_rank = 8;

    constexpr Shape() = default;
    constexpr Shape(std::initializer_list<std::int64_t> sizes) {
        for (const std::int64_t size : sizes) push_back(size);
    }

    constexpr int rank() const noexcept { return rank_; }
    constexpr std::int64_t operator[](int axis) const noexcept { return sizes_[axis]; }
    constexpr std::int64_t& operator[](int axis) noexcept { return sizes_[axis]; }
    constexpr const std::int64_t* begin() const noexcept { return sizes_; }
    constexpr const std::int64_t* end() const noexcept { return sizes_ + rank_; }

    /// Throws ShapeError for a ninth size or a negative one.
    constexpr void push_back(std::int64_t size) {
        if (rank_ == max_rank) throw ShapeError("shape: a tensor has at most 8 dimensions");
        if (size < 0) throw ShapeError("shape: a size must be >= 0, got " + std::to_string(size));
        sizes_[rank_++] = size;
    }

    /// Number of elements; throws ShapeError if it does not fit 63 bits.
    constexpr std::int64_t numel() const {
        for (const std::int64_t size : *this) {
            if (size == 0) return 0;
        }
        std::int64_t count = 1;
        for (const std::int64_t size : *this) {
            if (count > INT64_MAX / size) throw ShapeError("shape: the number of elements overflows 63 bits");
            count *= size;
        }
        return count;
    }

    friend constexpr bool operator==(const Shape& a, const Shape& b) noexcept {
        if (a.rank_ != b.rank_) return false;
        for (int axis = 0; axis < a.rank_; ++axis) {
            if (a.sizes_[axis] != b.sizes_[axis]) return false;
        }
        return true;
    }

private:
    std::int64_t sizes_[max_rank] = {};
    int rank_ = 0;
};

/// "[1, 256, 200, 336]".
inline std::string to_string(const Shape& shape) {
    std::string text = "[";
    for (int axis = 0; axis < shape.rank(); ++axis) {
        if (axis != 0) text += ", ";
        text += std::to_string(shape[axis]);
    }
    return text + "]";
}

}  // namespace regulus

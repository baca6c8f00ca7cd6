#pragma once
// A dense array in C order on the host.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include <regulus/core/dtype.hpp>
#include <regulus/core/large_pages.hpp>
#include <regulus/core/shape.hpp>

namespace regulus {

/// A contiguous C-ordered array. Copies share the elements (as in NumPy and PyTorch); clone() makes new ones.
/// A tensor that views foreign memory (a mapped file) keeps its owner alive and must not be written.
class Tensor {
public:
    static constexpr std::size_t alignment = 64;

    Tensor() = default;

    /// Elements are not initialised. Throws ShapeError when the byte count overflows, std::bad_alloc when memory ends.
    Tensor(const Shape& shape, DType dtype) : shape_(shape), dtype_(dtype) {
        const std::int64_t count = shape.numel();
        if (count > std::int64_t(PTRDIFF_MAX / size_of(dtype))) throw ShapeError("tensor: " + to_string(shape) + " does not fit the address space");
        const std::size_t size = std::size_t(count) * size_of(dtype);
        void* memory = ::operator new(size == 0 ? 1 : size, std::align_val_t{alignment});
        owner_ = std::shared_ptr<void>(memory, [](void* p) { ::operator delete(p, std::align_val_t{alignment}); });
        data_ = static_cast<std::byte*>(memory);
        detail::advise_large_pages(memory, size);
    }

    /// A view of memory that `owner` keeps alive; read-only by contract.
    Tensor(const Shape& shape, DType dtype, const void* data, std::shared_ptr<void> owner)
        : shape_(shape), dtype_(dtype), data_(static_cast<std::byte*>(const_cast<void*>(data))), owner_(std::move(owner)) {}

    static Tensor zeros(const Shape& shape, DType dtype = DType::f32) {
        Tensor result(shape, dtype);
        std::memset(result.data_, 0, result.bytes());
        return result;
    }

    const Shape& shape() const noexcept { return shape_; }
    DType dtype() const noexcept { return dtype_; }
    std::int64_t numel() const { return data_ == nullptr ? 0 : shape_.numel(); }
    std::size_t bytes() const { return std::size_t(numel()) * size_of(dtype_); }
    bool empty() const { return numel() == 0; }

    const void* raw() const noexcept { return data_; }
    void* raw() noexcept { return data_; }

    /// Elements as T; throws ShapeError when T is not the element type.
    template <class T> const T* data() const { check<T>(); return reinterpret_cast<const T*>(data_); }
    template <class T> T* data() { check<T>(); return reinterpret_cast<T*>(data_); }

    /// The same elements under another shape of equal size.
    Tensor reshaped(const Shape& shape) const {
        if (shape.numel() != numel()) throw ShapeError("reshape: " + to_string(shape_) + " has other elements than " + to_string(shape));
        Tensor result = *this;
        result.shape_ = shape;
        return result;
    }

    /// The same memory under a shape and type that need no more of it.
    Tensor viewed_as(const Shape& shape, DType dtype) const {
        Tensor result = *this;
        result.shape_ = shape;
        result.dtype_ = dtype;
        if (result.bytes() > bytes()) throw ShapeError("tensor: " + to_string(shape) + " does not fit the memory of " + to_string(shape_));
        return result;
    }

    /// Whether another tensor holds the same memory.
    bool is_shared() const noexcept { return owner_.use_count() > 1; }

    Tensor clone() const {
        Tensor result(shape_, dtype_);
        if (bytes() != 0) std::memcpy(result.data_, data_, bytes());
        return result;
    }

private:
    template <class T> void check() const {
        if (dtype_of<T> != dtype_) throw ShapeError(std::string("tensor: elements are ") + name_of(dtype_) + ", asked for " + name_of(dtype_of<T>));
    }

    Shape shape_{0};
    DType dtype_ = DType::f32;
    std::byte* data_ = nullptr;
    std::shared_ptr<void> owner_;
};

}  // namespace regulus

#pragma once
// From a node to the kernels that run it.
#include <algorithm>

#include <regulus/cuda/plan.hpp>

namespace regulus::cuda {

/// Calls body(T{}) with the type that `storage` names.
template <class Body>
void with_storage(Storage storage, const Body& body) {
    switch (storage) {
        case Storage::f32: return body(float{});
        case Storage::f16: return body(Half{});
        case Storage::bf16: return body(BFloat16{});
    }
}

inline constexpr std::size_t alignment = 256;  // bytes, of everything in the arena, in scratch and in the staging area
inline std::size_t rounded(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

/// Hands out pieces of a node's scratch.
class Pieces {
public:
    std::size_t take(std::int64_t count, std::size_t element) {
        const std::size_t offset = total_;
        total_ += rounded(std::size_t(std::max<std::int64_t>(count, 1)) * element);
        return offset;
    }
    std::size_t total() const { return total_; }

private:
    std::size_t total_ = 0;
};

/// Throws BackendError that names the node when it cannot be done.
Command make_command(const NodeContext& context);

}  // namespace regulus::cuda

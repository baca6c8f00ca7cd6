#pragma once
// From a node to the kernels that run it.
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

/// Throws BackendError that names the node when it cannot be done.
Command make_command(const NodeContext& context);

}  // namespace regulus::cuda

// Tensors of other programs as pictures, and tensors on the device for other programs.
#include <regulus/cuda/detector.hpp>

#include <array>

namespace regulus {

namespace {

[[noreturn]] void refuse(const std::string& why) { throw ArgumentError("cuda_picture: a uint8 tensor [height, width, 3] in the device's memory is expected, " + why); }

/// What a managed tensor that we gave out needs.
template <class Managed>
struct Given {
    Managed managed{};
    CudaTensor tensor;
    std::array<std::int64_t, 8> sizes{}, strides{};

    explicit Given(const CudaTensor& own) : tensor(own) {
        const std::size_t rank = std::size_t(tensor.shape().rank());
        std::int64_t step = 1;
        for (std::size_t axis = rank; axis-- > 0;) {
            sizes[axis] = tensor.shape()[axis];
            strides[axis] = step;
            step *= sizes[axis];
        }
        managed.tensor = {const_cast<void*>(tensor.data()), {dlpack::cuda, tensor.device()}, std::int32_t(rank), tensor.type(), sizes.data(), strides.data(), 0};
        managed.manager = this;
        managed.deleter = [](Managed* self) { delete static_cast<Given*>(self->manager); };
    }
};

}  // namespace

CudaPicture cuda_picture(const dlpack::Tensor& tensor, int device, void* stream) {
    if (tensor.device.type != dlpack::cuda) refuse("got device type " + std::to_string(tensor.device.type) + " (2 is CUDA); move it to the device first");
    if (tensor.device.id != device) refuse("got one of device " + std::to_string(tensor.device.id) + ", the detector runs on device " + std::to_string(device));
    if (tensor.dtype.code != dlpack::unsigned_integer || tensor.dtype.bits != 8 || tensor.dtype.lanes != 1) {
        refuse("got type code " + std::to_string(tensor.dtype.code) + " of " + std::to_string(tensor.dtype.bits) + " bits");
    }
    if (tensor.ndim != 3 || tensor.shape == nullptr) refuse("got " + std::to_string(tensor.ndim) + " axes");
    const std::int64_t height = tensor.shape[0], width = tensor.shape[1];
    constexpr std::int64_t most = std::int64_t(1) << 29;
    if (height < 1 || width < 1 || height > most || width > most || tensor.shape[2] != 3) {
        refuse("got [" + std::to_string(height) + ", " + std::to_string(width) + ", " + std::to_string(tensor.shape[2]) + "]");
    }
    if (tensor.data == nullptr) refuse("got one without data");
    std::int64_t pitch = 3 * width;
    if (tensor.strides != nullptr) {
        if (tensor.strides[2] != 1 || (width != 1 && tensor.strides[1] != 3) || (height != 1 && tensor.strides[0] < pitch)) {
            refuse("got strides [" + std::to_string(tensor.strides[0]) + ", " + std::to_string(tensor.strides[1]) + ", " + std::to_string(tensor.strides[2]) + "]; make it contiguous first");
        }
        if (height != 1) pitch = tensor.strides[0];
    }
    return {static_cast<const std::byte*>(tensor.data) + tensor.byte_offset, {height, width}, pitch, stream};
}

CudaPicture cuda_picture(const dlpack::ManagedTensorVersioned& tensor, int device, void* stream) {
    if (tensor.version.major != 1) throw ArgumentError("cuda_picture: DLPack 1 is expected, got version " + std::to_string(tensor.version.major) + "." + std::to_string(tensor.version.minor));
    return cuda_picture(tensor.tensor, device, stream);
}

dlpack::ManagedTensor* CudaTensor::dlpack() const { return &(new Given<dlpack::ManagedTensor>(*this))->managed; }

dlpack::ManagedTensorVersioned* CudaTensor::dlpack_versioned() const {
    auto* const given = new Given<dlpack::ManagedTensorVersioned>(*this);
    given->managed.version = {1, 0};
    return &given->managed;
}

const CudaTensor& CudaDetections::operator[](const std::string& name) const {
    for (const auto& [own, tensor] : tensors) {
        if (own == name) return tensor;
    }
    throw ArgumentError("detections: there is no tensor \"" + name + "\"");
}

}  // namespace regulus

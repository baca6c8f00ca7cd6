#pragma once
// A detector wholly on a GPU: from decoded pictures, on the host or already on the device, to boxes and masks. Results may stay on the device.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <regulus/cuda.hpp>
#include <regulus/cuda/dlpack.hpp>
#include <regulus/pipeline/any_detector.hpp>
#include <regulus/pipeline/panoptic.hpp>

namespace regulus {

/// A picture in a device's memory: [height, width, 3] bytes, red first. The caller keeps it until the call that takes it returns.
struct CudaPicture {
    const void* pixels = nullptr;
    PictureSize size;
    std::int64_t pitch = 0;  // bytes from a row to the next; 0: 3 * width
    void* stream = nullptr;  // CUstream that writes it, for which the call waits on the device; null: the default stream
};

/// The picture of a DLPack tensor, nothing copied. Throws ArgumentError when it is not uint8 [height, width, 3] on CUDA device `device` with pixels close together
/// (any distance of rows).
CudaPicture cuda_picture(const dlpack::Tensor& tensor, int device = 0, void* stream = nullptr);
/// The same; refuses versions of DLPack other than 1 too.
CudaPicture cuda_picture(const dlpack::ManagedTensorVersioned& tensor, int device = 0, void* stream = nullptr);

/// A tensor on a device, axes in the order of shape(), without gaps. Copies share the memory, which lives as long as one of them, or what dlpack() gave.
class CudaTensor {
public:
    CudaTensor(std::shared_ptr<const void> owner, const void* data, const Shape& shape, dlpack::DataType type, int device)
        : owner_(std::move(owner)), data_(data), shape_(shape), type_(type), device_(device) {}

    const void* data() const noexcept { return data_; }
    const Shape& shape() const noexcept { return shape_; }
    dlpack::DataType type() const noexcept { return type_; }
    int device() const noexcept { return device_; }

    /// For other programs, nothing copied; all work on it is done. Whoever takes it calls its deleter.
    dlpack::ManagedTensor* dlpack() const;
    dlpack::ManagedTensorVersioned* dlpack_versioned() const;

private:
    std::shared_ptr<const void> owner_;
    const void* data_;
    Shape shape_;
    dlpack::DataType type_;
    int device_;
};

/// What was found, on the host and on the device.
struct CudaDetections {
    std::vector<DetectionList> lists;                        // as AnyDetector gives them
    std::vector<std::pair<std::string, CudaTensor>> tensors;  // the graph's outputs: "boxes" [rows, 4], "scores", "labels", "count", "masks"; rows of all pictures in order

    /// Throws ArgumentError for an unknown name.
    const CudaTensor& operator[](const std::string& name) const;
};

/// A const detector may be called by several threads at once; each call in flight has its own stream and memory. While results on the device live their memory
/// is not used again.
class CudaDetector {
public:
    /// As AnyDetector; throws BackendError too when the graph does not begin with pictures, or takes more than them and boxes to look into.
    CudaDetector(const CudaBackend& backend, const Graph& graph, const Weights& weights, const ModelFacts& facts, const CompileOptions& options = {});

    DetectionList operator()(const Image& image) const;
    std::vector<DetectionList> operator()(std::span<const Image> images) const;
    std::vector<DetectionList> operator()(std::span<const CudaPicture> pictures) const;

    /// Of a model that looks into given boxes: a list of them for each picture, in its pixels. Throws as AnyDetector does.
    DetectionList operator()(const Image& image, const ProposalList& proposals) const;
    std::vector<DetectionList> operator()(std::span<const Image> images, std::span<const ProposalList> proposals) const;
    std::vector<DetectionList> operator()(std::span<const CudaPicture> pictures, std::span<const ProposalList> proposals) const;

    /// The same, with the results on the device.
    CudaDetections on_device(std::span<const Image> images) const;
    CudaDetections on_device(std::span<const CudaPicture> pictures) const;
    CudaDetections on_device(std::span<const CudaPicture> pictures, std::span<const ProposalList> proposals) const;

    /// Things and stuff, of a model with a semantic head; its pixels' labels are made on the device, to the byte those of semantic_labels. Throws ArgumentError for another model.
    PanopticResult segments(const Image& image) const;
    std::vector<PanopticResult> segments(std::span<const Image> images) const;
    std::vector<PanopticResult> segments(std::span<const CudaPicture> pictures) const;

    /// The masks of one list at its picture's size: [objects, height, width] bytes, 1 or 0, pixel for pixel what Detection::mask gives. Throws ArgumentError when
    /// an object has none, BackendError for 2^32 pixels or more.
    CudaTensor masks(const DetectionList& list) const;

    const ModelFacts& facts() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace regulus

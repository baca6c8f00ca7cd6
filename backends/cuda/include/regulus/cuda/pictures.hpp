#pragma once
// The steps in front of a network: pictures to the device, resized, normalised, padded into its input map, all on a lane's stream.
#include <vector>

#include <regulus/cuda/device.hpp>
#include <regulus/data/preprocess.hpp>

namespace regulus::cuda {

struct SourcePicture {
    const void* pixels = nullptr;  // [height, width, 3] bytes, red first
    PictureSize size;
    std::int64_t pitch = 0;        // bytes from a row to the next
    bool on_device = false;
    Opaque stream = nullptr;       // of a picture on the device: the stream that writes it
};

struct PictureBatch {
    std::vector<SourcePicture> pictures;
    std::vector<PictureSize> resized;
    std::int64_t height = 0, width = 0;  // of the input map
};

/// Enqueues everything from `batch` to the map [n, height, width, 3] at `dst`. Pictures of the host are copied before it returns. A lane serves one `how` only.
/// Throws BackendError for pictures of 2^31 bytes or more, or when there is no memory.
void enqueue_pictures(const Device& device, Lane& lane, const PictureBatch& batch, const Preprocessing& how, Storage storage, DevicePointer dst);

}  // namespace regulus::cuda

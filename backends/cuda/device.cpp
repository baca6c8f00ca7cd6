#include <regulus/cuda/device.hpp>

#include <atomic>

namespace regulus::cuda {

using namespace constants;

Device::Device(std::shared_ptr<const Libraries> libraries, int ordinal) : libraries_(std::move(libraries)), ordinal_(ordinal) {
    if (!libraries_->cuda_missing.empty()) throw BackendError(libraries_->cuda_missing);
    const int started = api().init(0);
    int count = 0;
    if (started == no_device || (started == success && (api().device_count(&count) != success || count == 0))) {
        throw BackendError("cuda: the driver finds no NVIDIA GPU on this machine; use the CPU");
    }
    check(started, "starting the driver");
    if (ordinal < 0 || ordinal >= count) {
        throw BackendError("cuda: there is no device " + std::to_string(ordinal) + "; the devices are 0 to " + std::to_string(count - 1));
    }
    check(api().device_get(&device_, ordinal), "finding the device");
    char text[256] = "";
    check(api().device_name(text, sizeof text - 1, device_), "naming the device");
    name_ = text;
    int major = 0, minor = 0;
    check(api().device_attribute(&major, attribute_capability_major, device_), "asking the device's capability");
    check(api().device_attribute(&minor, attribute_capability_minor, device_), "asking the device's capability");
    if (major < 8) {
        throw BackendError("cuda: " + name_ + " has compute capability " + std::to_string(major) + "." + std::to_string(minor) + ", 8.0 (Ampere) or newer is needed; use the CPU");
    }
    capability_ = 10 * major + minor;
    check(api().device_attribute(&multiprocessors_, attribute_multiprocessors, device_), "asking the device's size");
    int shared = 0;
    check(api().device_attribute(&shared, attribute_shared_bytes, device_), "asking the device's size");
    shared_bytes_ = shared > 0 ? std::size_t(shared) : default_shared_bytes;
    check(api().context_retain(&context_, device_), "opening the device");
    try {
        make_current();
        for (const void* image : libraries_->images) {
            if (image == nullptr) continue;
            Opaque module = nullptr;
            check(api().module_load(&module, image), "loading the kernels (is the driver for CUDA 13 or newer?)");
            modules_.push_back(module);
        }
    } catch (...) {
        for (const Opaque module : modules_) api().module_unload(module);
        api().context_release(device_);
        throw;
    }
}

Device::~Device() {
    api().context_set_current(context_);
    for (const Opaque module : modules_) api().module_unload(module);
    api().context_release(device_);
}

Opaque Device::function(const char* name, std::size_t shared) const {
    const std::lock_guard lock(mutex_);
    Function& found = functions_[name];
    for (std::size_t i = 0; found.handle == nullptr && i < modules_.size(); ++i) {
        if (api().module_function(&found.handle, modules_[i], name) != success) found.handle = nullptr;
    }
    if (found.handle == nullptr) throw BackendError(std::string("cuda: the embedded kernels have no ") + name);
    if (shared > found.shared) {
        check(api().function_set(found.handle, function_shared_bytes, int(shared)), "asking for shared memory");
        found.shared = shared;
    }
    return found.handle;
}

void Device::upload(DevicePointer to, const void* from, std::size_t bytes) const {
    if (bytes == 0) return;
    check(api().to_device(to, from, bytes), "copying to the device");
    // The driver returns when it has taken the bytes; streams like ours, which do not wait for the default one, must not read what is not there yet.
    check(api().stream_synchronize(nullptr), "copying to the device");
}

void Device::check(int result, const char* what) const {
    if (result == success) return;
    const char* text = nullptr;
    if (api().error_text(result, &text) != success || text == nullptr) text = "unknown error";
    throw BackendError(std::string("cuda: ") + what + (name_.empty() ? "" : " on " + name_) + " failed: " + text + " (" + std::to_string(result) + ")");
}

void Device::wait_for(Opaque stream, Opaque other) const {
    Opaque event = nullptr;
    check(api().event_create(&event, event_without_time), "making an event");
    int result = api().event_record(event, other);
    if (result == success) result = api().stream_wait_event(stream, event, 0);
    api().event_destroy(event);  // lives until the wait is over
    check(result, "waiting for another stream");
}

DeviceMemory::DeviceMemory(std::shared_ptr<const Device> device, std::size_t bytes) : device_(std::move(device)), bytes_(bytes) {
    if (bytes == 0) return;
    const int result = device_->api().allocate(&address_, bytes);
    if (result == out_of_memory) {
        std::size_t free = 0, total = 0;
        device_->api().memory_info(&free, &total);
        throw BackendError("cuda: " + std::to_string(bytes) + " bytes on " + device_->name() + " could not be had, " + std::to_string(free) + " are free; use smaller pictures or a smaller batch");
    }
    device_->check(result, "allocating memory");
}

DeviceMemory::~DeviceMemory() {
    if (address_ == 0) return;
    if (device_->api().context_set_current(device_->context()) == success) device_->api().free(address_);
}

HostMemory::HostMemory(std::shared_ptr<const Device> device, std::size_t bytes) : device_(std::move(device)) {
    if (bytes == 0) return;
    void* fresh = nullptr;
    const int result = device_->api().host_allocate(&fresh, bytes, 0);
    if (result == out_of_memory) throw BackendError("cuda: " + std::to_string(bytes) + " bytes of the host's memory could not be locked for copies; use smaller pictures or a smaller batch");
    device_->check(result, "allocating host memory");
    address_ = static_cast<std::byte*>(fresh);
    bytes_ = bytes;
}

HostMemory::~HostMemory() {
    if (address_ == nullptr) return;
    if (device_->api().context_set_current(device_->context()) == success) device_->api().host_free(address_);
}

Lane::Lane(std::shared_ptr<const Device> device, bool cudnn) : device_(std::move(device)) {
    device_->check(device_->api().stream_create(&stream_, stream_non_blocking), "making a stream");
    if (!cudnn) return;
    const CudnnApi& library = device_->libraries().cudnn;
    int result = library.create(&cudnn_);
    if (result == success) result = library.set_stream(cudnn_, stream_);
    if (result != success) {
        if (cudnn_ != nullptr) library.destroy(cudnn_);
        device_->api().stream_destroy(stream_);
        throw BackendError("cuda: cuDNN does not start on " + device_->name() + ": " + library.error_text(result));
    }
}

Lane::~Lane() {
    if (device_->api().context_set_current(device_->context()) != success) return;  // the driver is gone, and all this with it
    device_->api().stream_synchronize(stream_);
    if (cudnn_ != nullptr) device_->libraries().cudnn.destroy(cudnn_);
    device_->api().stream_destroy(stream_);
}

void Lane::reserve(std::size_t arena, std::size_t staging) {
    static std::atomic<std::uint64_t> serials{0};
    if (serial_ == 0) serial_ = ++serials;
    if (arena > arena_.bytes()) {
        serial_ = ++serials;
        arena_ = DeviceMemory();  // first, so that both need not fit at once
        arena_ = DeviceMemory(device_, arena);
    }
    if (staging > staging_.bytes()) {
        serial_ = ++serials;
        staging_ = HostMemory();
        staging_ = HostMemory(device_, staging);
    }
}

bool Lane::reserve_pictures(std::size_t device_bytes, std::size_t host_bytes) {
    if (device_bytes <= pictures_.bytes() && host_bytes <= picture_staging_.bytes()) return false;
    tables_ = nullptr;
    if (device_bytes > pictures_.bytes()) {
        pictures_ = DeviceMemory();
        pictures_ = DeviceMemory(device_, device_bytes);
    }
    if (host_bytes > picture_staging_.bytes()) {
        picture_staging_ = HostMemory();
        picture_staging_ = HostMemory(device_, host_bytes);
    }
    return true;
}

std::unique_ptr<Lane> LanePool::take() {
    {
        const std::lock_guard lock(mutex_);
        if (!free_.empty()) {
            std::unique_ptr<Lane> lane = std::move(free_.back());
            free_.pop_back();
            return lane;
        }
    }
    return std::make_unique<Lane>(device_, cudnn_);
}

void LanePool::give_back(std::unique_ptr<Lane> lane) noexcept {
    const std::lock_guard lock(mutex_);
    try {
        free_.push_back(std::move(lane));
    } catch (...) {  // no memory for one more pointer: this lane is dropped
    }
}

void Queue::launch(const char* name, const void* kernel, unsigned blocks, unsigned threads, unsigned shared) {
    void* arguments[] = {const_cast<void*>(kernel)};
    device_.check(device_.api().launch(device_.function(name, shared), blocks, 1, 1, threads, 1, 1, shared, stream_, arguments, nullptr), name);
}

}  // namespace regulus::cuda

#pragma once
// A device with its memory, streams and own kernels. Every failure is a BackendError of one sentence.
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <regulus/core/error.hpp>
#include <regulus/cuda/kernels/list.hpp>
#include <regulus/cuda/libraries.hpp>

namespace regulus::cuda {

class Device {
public:
    /// Bytes of shared memory that a block may have without being asked for.
    static constexpr std::size_t default_shared_bytes = 48 * 1024;

    /// Throws BackendError when `ordinal` is none, or too old.
    Device(std::shared_ptr<const Libraries> libraries, int ordinal);
    ~Device();
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    const CudaApi& api() const { return libraries_->cuda; }
    const Libraries& libraries() const { return *libraries_; }
    const std::string& name() const { return name_; }
    Opaque context() const { return context_; }
    int multiprocessors() const { return multiprocessors_; }
    /// Bytes of shared memory that a block may have.
    std::size_t shared_bytes() const { return shared_bytes_; }

    /// Every thread that calls the driver says first on which device.
    void make_current() const { check(api().context_set_current(context_), "selecting the device"); }
    /// The kernel of an embedded image, ready for blocks with `shared` bytes of shared memory; throws when there is none.
    Opaque function(const char* name, std::size_t shared) const;
    /// A copy from any memory of the host that is over, for every stream, when this returns.
    void upload(DevicePointer to, const void* from, std::size_t bytes) const;
    /// Throws BackendError when `result` is not success: what failed, and why.
    void check(int result, const char* what) const;
    /// What `stream` does from now on begins after all that `other` has been given (null: the default stream).
    void wait_for(Opaque stream, Opaque other) const;
    /// As the caller numbers it.
    int ordinal() const { return ordinal_; }
    /// Compute capability, as 90 for 9.0.
    int capability() const { return capability_; }

private:
    std::shared_ptr<const Libraries> libraries_;
    int ordinal_ = 0, capability_ = 0, device_ = 0, multiprocessors_ = 1;
    std::size_t shared_bytes_ = 0;
    Opaque context_ = nullptr;
    std::string name_;
    std::vector<Opaque> modules_;
    mutable std::mutex mutex_;
    struct Function {
        Opaque handle = nullptr;
        std::size_t shared = default_shared_bytes;  // that its blocks may have
    };
    mutable std::map<std::string, Function> functions_;
};

/// Bytes on the device.
class DeviceMemory {
public:
    DeviceMemory() = default;
    DeviceMemory(std::shared_ptr<const Device> device, std::size_t bytes);
    DeviceMemory(DeviceMemory&& other) noexcept { swap(other); }
    DeviceMemory& operator=(DeviceMemory&& other) noexcept {
        swap(other);
        return *this;
    }
    ~DeviceMemory();

    DevicePointer address() const { return address_; }
    std::size_t bytes() const { return bytes_; }

private:
    void swap(DeviceMemory& other) noexcept {
        std::swap(device_, other.device_);
        std::swap(address_, other.address_);
        std::swap(bytes_, other.bytes_);
    }
    std::shared_ptr<const Device> device_;
    DevicePointer address_ = 0;
    std::size_t bytes_ = 0;
};

/// Bytes of the host that the device reads and writes without a copy in between.
class HostMemory {
public:
    HostMemory() = default;
    HostMemory(std::shared_ptr<const Device> device, std::size_t bytes);
    HostMemory(HostMemory&& other) noexcept { swap(other); }
    HostMemory& operator=(HostMemory&& other) noexcept {
        swap(other);
        return *this;
    }
    ~HostMemory();

    std::byte* address() const { return address_; }
    std::size_t bytes() const { return bytes_; }

private:
    void swap(HostMemory& other) noexcept {
        std::swap(device_, other.device_);
        std::swap(address_, other.address_);
        std::swap(bytes_, other.bytes_);
    }
    std::shared_ptr<const Device> device_;
    std::byte* address_ = nullptr;
    std::size_t bytes_ = 0;
};

/// What a lane keeps on the host about its pictures' memory.
class LaneTables {
public:
    virtual ~LaneTables() = default;
};

/// Where one run happens: a stream, an arena on the device, a staging area on the host that the device reads and writes, a cuDNN handle. Used by one run at
/// a time. The serial number changes when a buffer moves: graphs captured before then are stale.
class Lane {
public:
    Lane(std::shared_ptr<const Device> device, bool cudnn);
    ~Lane();
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    /// Grows to at least these bytes; a failure leaves the lane usable for smaller plans.
    void reserve(std::size_t arena, std::size_t staging);
    /// The same for the steps before the network, apart from what captured graphs use. Whether memory moved; tables are dropped then.
    bool reserve_pictures(std::size_t device_bytes, std::size_t host_bytes);
    DevicePointer pictures() const { return pictures_.address(); }
    std::byte* picture_staging() const { return picture_staging_.address(); }
    LaneTables* tables() const { return tables_.get(); }
    void keep_tables(std::unique_ptr<LaneTables> tables) { tables_ = std::move(tables); }
    Opaque stream() const { return stream_; }
    Opaque cudnn() const { return cudnn_; }
    DevicePointer arena() const { return arena_.address(); }
    std::byte* staging() const { return staging_.address(); }
    std::uint64_t serial() const { return serial_; }
    void synchronize() const { device_->check(device_->api().stream_synchronize(stream_), "running the network"); }

private:
    std::shared_ptr<const Device> device_;
    Opaque stream_ = nullptr, cudnn_ = nullptr;
    DeviceMemory arena_, pictures_;
    HostMemory staging_, picture_staging_;
    std::unique_ptr<LaneTables> tables_;
    std::uint64_t serial_ = 0;
};

/// Lanes that no run uses now. As many are made as runs happen at once.
class LanePool {
public:
    LanePool(std::shared_ptr<const Device> device, bool cudnn) : device_(std::move(device)), cudnn_(cudnn) {}
    std::unique_ptr<Lane> take();
    void give_back(std::unique_ptr<Lane> lane) noexcept;

private:
    std::shared_ptr<const Device> device_;
    bool cudnn_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Lane>> free_;
};

/// Kernels and copies in order on a stream.
class Queue {
public:
    Queue(const Device& device, Opaque stream) : device_(device), stream_(stream) {}

    template <IndexKernel K>
    void each(const K& kernel) {
        constexpr std::uint32_t threads = threads_of<K>();
        const std::uint32_t size = kernel.size();
        if (size == 0) return;
        const std::uint32_t blocks = (size - 1) / threads + 1, most = std::uint32_t(device_.multiprocessors()) * 64;
        launch(kernel_name<K>, &kernel, blocks < most ? blocks : most, threads, 0);
    }
    template <class K>
    void blocks(const K& kernel, std::int64_t blocks, std::size_t shared = K::shared_bytes) {
        if (blocks >= std::int64_t(1) << 31) throw BackendError(std::string("cuda: ") + kernel_name<K> + " would need " + std::to_string(blocks) + " blocks, 2^31 or more; use smaller inputs");
        if (blocks > 0) launch(kernel_name<K>, &kernel, unsigned(blocks), threads_of<K>(), unsigned(shared));
    }
    void to_device(DevicePointer to, const void* from, std::size_t bytes) {
        if (bytes != 0) device_.check(device_.api().to_device_async(to, from, bytes, stream_), "copying inputs to the device");
    }
    void to_host(void* to, DevicePointer from, std::size_t bytes) {
        if (bytes != 0) device_.check(device_.api().to_host_async(to, from, bytes, stream_), "copying results to the host");
    }
    void fill(DevicePointer at, unsigned char value, std::size_t bytes) {
        if (bytes != 0) device_.check(device_.api().set_bytes_async(at, value, bytes, stream_), "filling memory");
    }
    Opaque stream() const { return stream_; }

private:
    void launch(const char* name, const void* kernel, unsigned blocks, unsigned threads, unsigned shared);
    const Device& device_;
    Opaque stream_;
};

}  // namespace regulus::cuda

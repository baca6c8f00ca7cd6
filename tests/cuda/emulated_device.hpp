#pragma once
// A CUDA driver on the host: device memory is host memory, kernels are their bodies run thread by thread, phases of a block in order. Threads of a phase (and
// the indices of an index kernel) run forwards, backwards or interleaved: results that depend on it show a race. Captured work runs when its graph is launched.
// Everything asynchronous happens at the next synchronisation and not before, copies from memory that is not locked at one of the default stream: who reads too
// early, or changes or frees memory too early, gets what is wrong, or ends the program. Launches keep a device's limits. Allocations are counted, filled with a
// pattern, and can be limited. One emulated device at a time.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <regulus/cuda/kernels/list.hpp>
#include <regulus/cuda/libraries.hpp>

namespace regulus::testing {

enum class ThreadOrder { forwards, backwards, interleaved };

/// Calls body(i) for all i in [0, count) in the order.
template <class Body>
void in_order(ThreadOrder order, std::uint32_t count, const Body& body) {
    if (order == ThreadOrder::forwards) {
        for (std::uint32_t i = 0; i < count; ++i) body(i);
    } else if (order == ThreadOrder::backwards) {
        for (std::uint32_t i = count; i-- > 0;) body(i);
    } else {
        for (std::uint32_t i = 1; i < count; i += 2) body(i);
        for (std::uint32_t i = 0; i < count; i += 2) body(i);
    }
}

/// A rule of the device was broken that a real one would not tell.
[[noreturn]] inline void broken(const char* rule) {
    std::fprintf(stderr, "emulated device: %s\n", rule);
    std::abort();
}

/// A launch on the host. Block kernels get `shared_bytes` of shared memory, filled with 0xA5, and no more: a guard behind it is checked.
template <class K>
void emulate(const K& kernel, unsigned blocks, unsigned threads, std::size_t shared_bytes, ThreadOrder order) {
    if constexpr (cuda::IndexKernel<K>) {
        in_order(order, kernel.size(), [&](std::uint32_t i) { kernel(i); });
    } else {
        std::vector<double> shared((shared_bytes + 64) / 8 + 2);
        auto* const bytes = reinterpret_cast<std::byte*>(shared.data());
        in_order(order, blocks, [&](std::uint32_t block) {
            std::memset(bytes, 0xA5, shared.size() * 8);
            const auto thread = [&](std::uint32_t index) { return cuda::Thread{std::int32_t(block), std::int32_t(index), std::int32_t(threads), bytes}; };
            const std::int32_t phases = kernel.phases(thread(0));
            for (std::int32_t phase = 0; phase < phases; ++phase) in_order(order, threads, [&](std::uint32_t index) { kernel.run(phase, thread(index)); });
            for (std::size_t i = shared_bytes; i < shared.size() * 8; ++i) {
                if (bytes[i] != std::byte(0xA5)) broken("a kernel wrote beyond its shared memory");
            }
        });
    }
}

struct EmulatedDevice {
    using Launch = std::function<void(const void* kernel, unsigned blocks, unsigned threads, std::size_t shared, ThreadOrder)>;

    ThreadOrder order = ThreadOrder::forwards;
    int devices = 1, capability_major = 9, init_result = 0;
    std::size_t memory_limit = std::size_t(1) << 40, memory_used = 0;
    std::map<cuda::DevicePointer, std::size_t> allocations;
    std::map<std::string, Launch> kernels;
    std::vector<std::string> launched;  // names, in order
    std::size_t shared_limit = 99 * 1024;             // of a block that asks; the least of what devices of capability 8.0 and newer have
    std::map<std::string, std::size_t> shared_asked;  // by kernel
    std::set<cuda::DevicePointer> uploaded;           // allocations that hold what was copied from memory that is not locked: weights
    int captures = 0, graph_launches = 0, waits = 0;
    int allocated = 0, synchronised = 0, copied = 0;  // calls of the driver
    double clock = 0;         // milliseconds, moved on by whoever has times; events of the same time are half a millisecond apart
    int fail_allocation = 0, fail_host_allocation = 0;  // the how-manieth allocation from now on fails; 0: none
    bool fail_instantiation = false;

    using Work = std::vector<std::function<void()>>;
    Work* capturing = nullptr;

    Work pending, uploads;  // of all our streams, in order; of the default stream

    void enqueue(std::function<void()> work) { (capturing != nullptr ? *capturing : pending).push_back(std::move(work)); }
    void enqueue_on(cuda::Opaque stream, std::function<void()> work) { stream == nullptr ? uploads.push_back(std::move(work)) : enqueue(std::move(work)); }
    static void finish(Work& list) {
        const Work now = std::move(list);
        list.clear();
        for (const auto& work : now) work();
    }
    /// Overwrites all memory of at least this size but weights: what a run leaves behind must not matter to the next.
    void scribble(unsigned char pattern, std::size_t least = 0) const {
        for (const auto& [address, bytes] : allocations) {
            if (uploaded.count(address) == 0 && bytes >= least) std::memset(reinterpret_cast<void*>(address), pattern, bytes);
        }
    }
    void check_freed() const {
        if (!pending.empty()) broken("memory is freed while work is under way");
    }

    EmulatedDevice() {
        current() = this;
#define REGULUS_TEST_KERNEL(K, name)                                                                                                            \
    kernels["regulus_" #name] = [](const void* kernel, unsigned blocks, unsigned threads, std::size_t shared, ThreadOrder order) {             \
        using namespace cuda;                                                                                                                   \
        emulate(*static_cast<const K*>(kernel), blocks, threads, shared, order);                                                                \
    };                                                                                                                                          \
    {                                                                                                                                           \
        using namespace cuda;                                                                                                                   \
        static_assert(sizeof(K) <= 4096);                                                                                                       \
        argument_bytes["regulus_" #name] = sizeof(K);                                                                                           \
        block_threads["regulus_" #name] = threads_of<K>();                                                                                      \
    }
        REGULUS_CUDA_KERNELS(REGULUS_TEST_KERNEL)
#undef REGULUS_TEST_KERNEL
    }
    EmulatedDevice(const EmulatedDevice&) = delete;
    EmulatedDevice& operator=(const EmulatedDevice&) = delete;
    ~EmulatedDevice() { current() = nullptr; }

    std::map<std::string, std::size_t> argument_bytes;
    std::map<std::string, unsigned> block_threads;  // that the kernels are compiled for

    static EmulatedDevice*& current() {
        static EmulatedDevice* device = nullptr;
        return device;
    }

    std::shared_ptr<cuda::Libraries> libraries() const {
        auto all = std::make_shared<cuda::Libraries>();
        cuda::CudaApi& api = all->cuda;
        static const char image[] = "image";
        all->images[0] = image;
        all->cudnn_missing = "cuda: cuDNN was not found (emulated)";
        using cuda::DevicePointer;
        using cuda::Opaque;
        api.init = [](unsigned) { return current()->init_result; };
        api.driver_version = [](int* version) { return *version = 13000, 0; };
        api.device_count = [](int* count) { return *count = current()->devices, 0; };
        api.device_get = [](int* device, int ordinal) { return *device = ordinal, 0; };
        api.device_name = [](char* text, int size, int) { return std::strncpy(text, "Emulated GPU", std::size_t(size)), 0; };
        api.device_attribute = [](int* value, int attribute, int) {
            *value = attribute == 75 ? current()->capability_major : attribute == 16 ? 4 : attribute == 97 ? int(current()->shared_limit) : 0;
            return 0;
        };
        api.context_retain = [](Opaque* context, int) { return *context = current(), 0; };
        api.context_release = [](int) { return 0; };
        api.context_set_current = [](Opaque) { return 0; };
        api.memory_info = [](std::size_t* free, std::size_t* total) {
            *total = current()->memory_limit;
            *free = *total - current()->memory_used;
            return 0;
        };
        api.allocate = [](DevicePointer* address, std::size_t bytes) {
            EmulatedDevice& device = *current();
            ++device.allocated;
            if (bytes > device.memory_limit - device.memory_used || (device.fail_allocation > 0 && --device.fail_allocation == 0)) return 2;
            void* const memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
            std::memset(memory, 0xFF, bytes);  // NaN, and indices that lead nowhere
            *address = reinterpret_cast<DevicePointer>(memory);
            device.allocations[*address] = bytes;
            device.memory_used += bytes;
            return 0;
        };
        api.free = [](DevicePointer address) {
            EmulatedDevice& device = *current();
            device.check_freed();
            device.memory_used -= device.allocations.at(address);
            device.allocations.erase(address);
            device.uploaded.erase(address);
            std::free(reinterpret_cast<void*>(address));
            return 0;
        };
        api.host_allocate = [](void** memory, std::size_t bytes, unsigned) {
            EmulatedDevice& device = *current();
            ++device.allocated;
            if (device.fail_host_allocation > 0 && --device.fail_host_allocation == 0) return 2;
            *memory = std::malloc(bytes);
            std::memset(*memory, 0xFF, bytes);
            return 0;
        };
        api.host_free = [](void* memory) { return current()->check_freed(), std::free(memory), 0; };
        api.to_device = [](DevicePointer to, const void* from, std::size_t bytes) {
            const auto* const first = static_cast<const std::byte*>(from);
            current()->uploads.push_back([to, copy = std::vector<std::byte>(first, first + bytes)] { std::memcpy(reinterpret_cast<void*>(to), copy.data(), copy.size()); });
            current()->uploaded.insert(to);
            return 0;
        };
        api.to_device_async = [](DevicePointer to, const void* from, std::size_t bytes, Opaque stream) {
            ++current()->copied;
            current()->enqueue_on(stream, [=] { std::memcpy(reinterpret_cast<void*>(to), from, bytes); });
            return 0;
        };
        api.to_host_async = [](void* to, DevicePointer from, std::size_t bytes, Opaque stream) {
            ++current()->copied;
            current()->enqueue_on(stream, [=] { std::memcpy(to, reinterpret_cast<const void*>(from), bytes); });
            return 0;
        };
        api.set_bytes_async = [](DevicePointer at, unsigned char value, std::size_t bytes, Opaque stream) {
            current()->enqueue_on(stream, [=] { std::memset(reinterpret_cast<void*>(at), value, bytes); });
            return 0;
        };
        api.stream_create = [](Opaque* stream, unsigned) { return *stream = current(), 0; };
        api.stream_destroy = [](Opaque) { return 0; };
        api.stream_synchronize = [](Opaque stream) {
            if (stream == nullptr) return finish(current()->uploads), 0;
            ++current()->synchronised;
            if (current()->capturing != nullptr) return 900;  // not permitted while a stream is captured
            return finish(current()->pending), 0;
        };
        api.begin_capture = [](Opaque, int) {
            current()->capturing = new Work;
            ++current()->captures;
            return 0;
        };
        api.end_capture = [](Opaque, Opaque* graph) {
            *graph = current()->capturing;
            current()->capturing = nullptr;
            return 0;
        };
        api.graph_instantiate = [](Opaque* exec, Opaque graph, unsigned long long) {
            if (current()->fail_instantiation) return 1;
            *exec = new Work(*static_cast<Work*>(graph));
            return 0;
        };
        api.graph_launch = [](Opaque exec, Opaque) {
            ++current()->graph_launches;
            for (const auto& work : *static_cast<Work*>(exec)) current()->enqueue(work);
            return 0;
        };
        api.graph_exec_destroy = [](Opaque exec) { return delete static_cast<Work*>(exec), 0; };
        api.graph_destroy = [](Opaque graph) { return delete static_cast<Work*>(graph), 0; };
        api.module_load = [](Opaque* module, const void*) { return *module = current(), 0; };
        api.module_unload = [](Opaque) { return 0; };
        api.module_function = [](Opaque* function, Opaque, const char* name) {
            const auto found = current()->kernels.find(name);
            if (found == current()->kernels.end()) return 500;
            *function = const_cast<std::pair<const std::string, Launch>*>(&*found);
            return 0;
        };
        api.launch = [](Opaque function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned, unsigned shared, Opaque, void** arguments, void**) {
            EmulatedDevice& device = *current();
            const auto& kernel = *static_cast<const std::pair<const std::string, Launch>*>(function);
            const auto asked = device.shared_asked.find(kernel.first);
            const std::size_t most_shared = asked == device.shared_asked.end() ? 48 * 1024 : asked->second;
            // What a device refuses.
            if (blocks == 0 || blocks > 0x7FFFFFFF || threads == 0 || threads > 1024 || threads > device.block_threads.at(kernel.first) || shared > most_shared) return 1;
            device.launched.push_back(kernel.first);
            const std::size_t bytes = device.argument_bytes.at(kernel.first);
            const auto* const first = static_cast<const std::byte*>(arguments[0]);
            const std::vector<std::byte> argument(first, first + bytes);  // a launch copies its argument
            device.enqueue([=, &kernel] { kernel.second(argument.data(), blocks, threads, shared, current()->order); });
            return 0;
        };
        api.function_set = [](Opaque function, int attribute, int value) {
            if (attribute != 8 || value < 0 || std::size_t(value) > current()->shared_limit) return 1;
            current()->shared_asked[static_cast<const std::pair<const std::string, Launch>*>(function)->first] = std::size_t(value);
            return 0;
        };
        // An event is the time at which it happened, once it did; work under way keeps it.
        using Event = std::shared_ptr<double>;
        api.event_create = [](Opaque* event, unsigned) { return *event = new Event(std::make_shared<double>(std::numeric_limits<double>::quiet_NaN())), 0; };
        api.event_record = [](Opaque event, Opaque stream) {
            current()->enqueue_on(stream, [own = *static_cast<Event*>(event)] { *own = current()->clock; });
            return 0;
        };
        api.stream_wait_event = [](Opaque, Opaque, unsigned) {
            ++current()->waits;
            current()->enqueue([] { finish(current()->uploads); });
            return 0;
        };
        api.event_elapsed = [](float* milliseconds, Opaque from, Opaque to) {
            const double time = **static_cast<Event*>(to) - **static_cast<Event*>(from);
            if (time != time) return 600;  // not yet
            return *milliseconds = time == 0 ? 0.5f : float(time), 0;
        };
        api.event_destroy = [](Opaque event) { return delete static_cast<Event*>(event), 0; };
        api.error_text = [](int result, const char** text) { return *text = result == 1 ? "invalid argument" : "an emulated failure", 0; };
        return all;
    }
};

}  // namespace regulus::testing

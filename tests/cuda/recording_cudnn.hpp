#pragma once
// A cuDNN on the host: records descriptors and their attributes as the backend sets them, proposes engines with notes, and executes the graphs that it was given
// by plain loops over the strides of their tensors. It refuses what cuDNN refuses: attributes after finalize, graphs before their parts.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <regulus/cuda/kernels/storage.hpp>

#include "cuda/emulated_device.hpp"

namespace regulus::testing {

struct RecordingCudnn {
    struct Attribute {
        int type = -1;
        std::int64_t count = 0;
        std::vector<std::byte> bytes;
    };
    struct Descriptor {
        int kind = -1;
        bool finalized = false, alive = true;
        std::map<int, Attribute> attributes;
        int proposal = 0;  // of engine configurations and engines

        bool has(int name) const { return attributes.count(name) != 0; }
        template <class T>
        std::vector<T> all(int name) const {
            const Attribute& attribute = attributes.at(name);
            std::vector<T> values(std::size_t(attribute.count));
            std::memcpy(values.data(), attribute.bytes.data(), attribute.bytes.size());
            return values;
        }
        template <class T>
        T one(int name) const { return all<T>(name).at(0); }
        const Descriptor& part(int name) const { return *one<const Descriptor*>(name); }
    };
    /// An engine that the heuristics propose.
    struct Proposal {
        std::vector<int> notes;
        std::int64_t workspace = 0;
        bool fits = true;
        double milliseconds = 0;  // of a run, on the emulated device's clock
        int engine = -1;          // its number; -1: its place
    };

    std::deque<Descriptor> descriptors;
    std::vector<Proposal> proposals{{}};  // of every graph
    std::size_t most_operations = 100;     // graphs with more have no engine
    int executed = 0, handles = 0;

    RecordingCudnn() { current() = this; }
    RecordingCudnn(const RecordingCudnn&) = delete;
    RecordingCudnn& operator=(const RecordingCudnn&) = delete;
    ~RecordingCudnn() { current() = nullptr; }
    static RecordingCudnn*& current() {
        static RecordingCudnn* library = nullptr;
        return library;
    }
    std::vector<const Descriptor*> of_kind(int kind) const {
        std::vector<const Descriptor*> found;
        for (const Descriptor& descriptor : descriptors) {
            if (descriptor.kind == kind) found.push_back(&descriptor);
        }
        return found;
    }
    std::size_t alive() const {
        std::size_t count = 0;
        for (const Descriptor& descriptor : descriptors) count += descriptor.alive ? 1 : 0;
        return count;
    }

    void install(cuda::Libraries& libraries) const {
        using cuda::Opaque;
        libraries.cudnn_missing.clear();
        cuda::CudnnApi& api = libraries.cudnn;
        api.version = []() -> std::size_t { return 91900; };
        api.error_text = [](int status) -> const char* { return status == 3000 ? "not supported" : "bad parameter"; };
        api.create = [](Opaque* handle) { return ++current()->handles, *handle = current(), 0; };
        api.destroy = [](Opaque) { return --current()->handles, 0; };
        api.set_stream = [](Opaque, Opaque) { return 0; };
        api.create_descriptor = [](int kind, Opaque* descriptor) {
            current()->descriptors.emplace_back();
            current()->descriptors.back().kind = kind;
            *descriptor = &current()->descriptors.back();
            return 0;
        };
        api.destroy_descriptor = [](Opaque descriptor) { return static_cast<Descriptor*>(descriptor)->alive = false, 0; };
        api.finalize = [](Opaque descriptor) { return current()->finalize(*static_cast<Descriptor*>(descriptor)); };
        api.set_attribute = [](Opaque descriptor, int name, int type, std::int64_t count, const void* values) {
            static const std::map<int, std::size_t> sizes{{0, 8}, {1, 4}, {2, 1}, {3, 8}, {4, 4}, {6, 8}, {7, 4}, {8, 4}, {11, 4}, {14, 4}, {15, 8}};
            Descriptor& own = *static_cast<Descriptor*>(descriptor);
            if (own.finalized || !own.alive) return 2000;
            const auto* const first = static_cast<const std::byte*>(values);
            own.attributes[name] = {type, count, std::vector<std::byte>(first, first + std::size_t(count) * sizes.at(type))};
            return 0;
        };
        api.get_attribute = [](Opaque descriptor, int name, int, std::int64_t room, std::int64_t* count, void* values) {
            return current()->get(*static_cast<Descriptor*>(descriptor), name, room, count, values);
        };
        api.execute = [](Opaque, Opaque plan, Opaque pack) {
            const Descriptor& own = *static_cast<Descriptor*>(plan);
            // The pack may be gone when a captured graph runs, so its numbers are copied now.
            const Descriptor& names = *static_cast<Descriptor*>(pack);
            const auto ids = names.all<std::int64_t>(cuda::constants::pack_ids);
            const auto pointers = names.all<void*>(cuda::constants::pack_pointers);
            std::map<std::int64_t, void*> buffers;
            for (std::size_t i = 0; i < ids.size(); ++i) {
                if (reinterpret_cast<std::uintptr_t>(pointers[i]) % 16 != 0) broken("a tensor is not aligned as its descriptor says");
                buffers[ids[i]] = pointers[i];
            }
            const Proposal proposal = current()->proposals[std::size_t(own.part(cuda::constants::plan_config).proposal)];
            void* const workspace = names.one<void*>(cuda::constants::pack_workspace);
            if (proposal.workspace > 0 && workspace == nullptr) broken("an engine gets no workspace");
            EmulatedDevice::current()->enqueue([&own, buffers, proposal, workspace] {
                EmulatedDevice::current()->clock += proposal.milliseconds;
                const auto scribble = [&] {
                    if (proposal.workspace > 0) std::memset(workspace, 0x7F, std::size_t(proposal.workspace));
                };
                scribble();  // it may write there at any time
                current()->execute(own.part(cuda::constants::plan_config).part(301), buffers);
                scribble();
            });
            return 0;
        };
    }

private:
    int finalize(Descriptor& own) {
        using namespace cuda::constants;
        if (own.finalized) return 2000;
        for (const auto& [name, attribute] : own.attributes) {
            if (attribute.type != type_descriptor) continue;
            for (const Descriptor* part : own.all<const Descriptor*>(name)) {
                if (!part->finalized) return 2003;
            }
        }
        if (own.kind == operation_graph && own.attributes.at(graph_operations).count > std::int64_t(most_operations)) return 3000;
        if (own.kind == execution_plan && !proposals[std::size_t(own.part(plan_config).proposal)].fits) return 3000;
        own.finalized = true;
        return 0;
    }
    int get(Descriptor& own, int name, std::int64_t room, std::int64_t* count, void* values) {
        using namespace cuda::constants;
        if (!own.finalized) return 2003;
        if (own.kind == engine_heuristics && name == heuristics_results) {
            const bool instant = own.one<int>(heuristics_mode) == heuristics_instant;
            *count = instant ? std::int64_t(proposals.size()) : 0;
            const Descriptor* const graph = own.one<const Descriptor*>(heuristics_graph);
            for (std::int64_t i = 0; i < room && i < *count; ++i) {
                Descriptor& config = *static_cast<Descriptor**>(values)[i];
                config.finalized = true;
                config.proposal = int(i);
                config.attributes[301] = {type_descriptor, 1, std::vector<std::byte>(8)};  // the graph, for execute
                std::memcpy(config.attributes[301].bytes.data(), &graph, 8);
            }
        } else if (own.kind == engine_config && name == config_engine) {
            Descriptor& chosen = *static_cast<Descriptor**>(values)[0];
            chosen.finalized = true;
            chosen.proposal = own.proposal;
            *count = 1;
        } else if (own.kind == engine && name == engine_notes) {
            const std::vector<int>& notes = proposals[std::size_t(own.proposal)].notes;
            std::copy_n(notes.begin(), std::min<std::int64_t>(room, std::int64_t(notes.size())), static_cast<int*>(values));
            *count = std::int64_t(notes.size());  // also when there is no room for them
        } else if (own.kind == engine && name == engine_index) {
            const int number = proposals[std::size_t(own.proposal)].engine;
            const std::int64_t index = number < 0 ? own.proposal : number;
            std::memcpy(values, &index, 8);
            *count = 1;
        } else if (own.kind == execution_plan && name == plan_workspace) {
            std::memcpy(values, &proposals[std::size_t(own.part(plan_config).proposal)].workspace, 8);
            *count = 1;
        } else {
            return 2000;
        }
        return 0;
    }

    struct Run {
        std::map<std::int64_t, void*> buffers;
        std::map<std::int64_t, std::vector<float>> between;  // virtual tensors
    };
    /// Element at[4] of a tensor; sizes of 1 are repeated.
    static std::int64_t offset(const Descriptor& tensor, const std::int64_t* at) {
        const auto sizes = tensor.all<std::int64_t>(cuda::constants::tensor_sizes), steps = tensor.all<std::int64_t>(cuda::constants::tensor_steps);
        std::int64_t offset = 0;
        for (std::size_t axis = 0; axis < 4; ++axis) offset += (sizes[axis] == 1 ? 0 : at[axis]) * steps[axis];
        return offset;
    }
    static float load(Run& run, const Descriptor& tensor, const std::int64_t* at) {
        const std::int64_t id = tensor.one<std::int64_t>(cuda::constants::tensor_id), i = offset(tensor, at);
        if (tensor.has(cuda::constants::tensor_virtual)) return run.between.at(id)[std::size_t(i)];
        const int type = tensor.one<int>(cuda::constants::tensor_type);
        return cuda::Elements{run.buffers.at(id), type == 0 ? cuda::Storage::f32 : type == 2 ? cuda::Storage::f16 : cuda::Storage::bf16}[i];
    }
    static void put(Run& run, const Descriptor& tensor, const std::int64_t* at, float value) {
        const std::int64_t id = tensor.one<std::int64_t>(cuda::constants::tensor_id), i = offset(tensor, at);
        if (tensor.has(cuda::constants::tensor_virtual)) {
            auto& values = run.between[id];
            if (values.size() <= std::size_t(i)) values.resize(std::size_t(i) + 1);
            values[std::size_t(i)] = value;
            return;
        }
        void* const data = run.buffers.at(id);
        switch (tensor.one<int>(cuda::constants::tensor_type)) {
            case 0: return cuda::store(static_cast<float*>(data) + i, value);
            case 2: return cuda::store(static_cast<cuda::Half*>(data) + i, value);
            default: return cuda::store(static_cast<cuda::BFloat16*>(data) + i, value);
        }
    }
    template <class Body>
    static void each(const Descriptor& tensor, const Body& body) {
        const auto sizes = tensor.all<std::int64_t>(cuda::constants::tensor_sizes);
        std::int64_t at[4];
        for (at[0] = 0; at[0] < sizes[0]; ++at[0])
            for (at[1] = 0; at[1] < sizes[1]; ++at[1])
                for (at[2] = 0; at[2] < sizes[2]; ++at[2])
                    for (at[3] = 0; at[3] < sizes[3]; ++at[3]) body(at);
    }
    void execute(const Descriptor& graph, std::map<std::int64_t, void*> buffers) {
        using namespace cuda::constants;
        ++executed;
        Run run{std::move(buffers), {}};
        for (const Descriptor* step : graph.all<const Descriptor*>(graph_operations)) {
            if (step->kind == convolution_forward) {
                const Descriptor &src = step->part(forward_src), &weight = step->part(forward_weight), &dst = step->part(forward_dst), &how = step->part(forward_convolution);
                const auto src_sizes = src.all<std::int64_t>(tensor_sizes), weight_sizes = weight.all<std::int64_t>(tensor_sizes);
                const std::int64_t groups = src_sizes[1] / weight_sizes[1], outs = weight_sizes[0] / groups;
                const std::int64_t stride = how.one<std::int64_t>(convolution_strides), padding = how.one<std::int64_t>(convolution_pre_paddings), dilation = how.one<std::int64_t>(convolution_dilations);
                each(dst, [&](const std::int64_t* at) {
                    float sum = 0;
                    for (std::int64_t ky = 0; ky < weight_sizes[2]; ++ky) {
                        for (std::int64_t kx = 0; kx < weight_sizes[3]; ++kx) {
                            const std::int64_t y = at[2] * stride - padding + ky * dilation, x = at[3] * stride - padding + kx * dilation;
                            if (y < 0 || x < 0 || y >= src_sizes[2] || x >= src_sizes[3]) continue;
                            for (std::int64_t k = 0; k < weight_sizes[1]; ++k) {
                                const std::int64_t from[4] = {at[0], at[1] / outs * weight_sizes[1] + k, y, x}, tap[4] = {at[1], k, ky, kx};
                                sum += load(run, src, from) * load(run, weight, tap);
                            }
                        }
                    }
                    put(run, dst, at, sum);
                });
            } else {
                const int mode = step->part(operation_pointwise).one<int>(pointwise_mode);
                const Descriptor &src = step->part(operation_src), &dst = step->part(operation_dst);
                each(dst, [&](const std::int64_t* at) {
                    const float x = load(run, src, at);
                    put(run, dst, at, mode == mode_add ? x + load(run, step->part(operation_other), at) : mode == mode_relu ? (x < 0 ? 0.f : x) : 1.f / (1.f + std::exp(-x)));
                });
            }
        }
    }
};

}  // namespace regulus::testing

// Commands of maps and tables, and which file knows those of a node.
#include <cmath>
#include <utility>
#include <vector>

#include <regulus/cuda/commands.hpp>

namespace regulus::cuda {

namespace {

/// A command of one index kernel over the output's storage type; `make(tag, at)` gives the kernel.
template <class Make>
Command one_kernel(const NodeContext& context, const char* name, const Make& make) {
    return {name, "own kernel", 0, [storage = context.storage(context.out()), make](const Addresses& at, Queue& queue) {
                with_storage(storage, [&](auto tag) { queue.each(make(tag, at)); });
            }};
}

Command batch_norm_command(const NodeContext& context, const ops::BatchNorm& op) {
    const auto folded = [&](bool scale) {
        std::vector<float> result(static_cast<std::size_t>(op.channels));
        for (std::size_t c = 0; c < result.size(); ++c) {
            const double factor = double(context.bound()[0].data<float>()[c]) / std::sqrt(double(context.bound()[3].data<float>()[c]) + op.eps);
            result[c] = scale ? float(factor) : float(double(context.bound()[1].data<float>()[c]) - double(context.bound()[2].data<float>()[c]) * factor);
        }
        return result;
    };
    const DevicePointer scale = context.compiled.weights->floats(context.key("scale"), Storage::f32, [&] { return folded(true); });
    const DevicePointer shift = context.compiled.weights->floats(context.key("shift"), Storage::f32, [&] { return folded(false); });
    return one_kernel(context, "scale_shift", [=, map = context.map(context.out()), src = context.in(0), dst = context.out()](auto tag, const Addresses& at) {
        using T = decltype(tag);
        return ScaleShift<T>{at.value<const T>(src), reinterpret_cast<const float*>(scale), reinterpret_cast<const float*>(shift), nullptr, at.value<T>(dst), map.elements(), map.c, op.activation};
    });
}

Command group_norm_command(const NodeContext& context, const ops::GroupNorm& op) {
    const ValueId src = context.in(0), dst = context.out();
    if (context.storage(src) != context.storage(dst)) context.refuse("what it reads and what it writes are stored in different types");
    const auto parameter = [&](const char* name, std::size_t which) {
        return context.compiled.weights->floats(context.key(name), Storage::f32, [&] { return std::vector<float>(context.bound()[which].data<float>(), context.bound()[which].data<float>() + op.channels); });
    };
    const DevicePointer weight = parameter("weight", 0), bias = parameter("bias", 1);
    const GroupMap cut{context.map(dst), std::uint32_t(op.groups)};
    const std::size_t line = 2 * std::size_t(op.channels) * sizeof(float), statistics = rounded(std::size_t(cut.map.n) * cut.chunks() * line);
    Command command{"group_norm", "own kernels", 0, [=, storage = context.storage(dst)](const Addresses& at, Queue& queue) {
                        with_storage(storage, [&](auto tag) {
                            using T = decltype(tag);
                            const GroupChunks<T> chunks{at.value<const T>(src), at.scratch_at<float>(0), cut};
                            queue.blocks(chunks, std::int64_t(cut.map.n) * cut.chunks() * chunks.strips());
                            queue.each(GroupScales{at.scratch_at<const float>(0), reinterpret_cast<const float*>(weight), at.scratch_at<float>(statistics), cut, op.eps});
                            queue.each(NormalisingGroups<T>{at.value<const T>(src), at.scratch_at<const float>(statistics), reinterpret_cast<const float*>(bias), at.value<T>(dst), cut.map, op.activation});
                        });
                    }};
    command.scratch = statistics + rounded(std::size_t(cut.map.n) * line);
    return command;
}

/// The commands of one context by kind of operation.
struct Commands {
    const NodeContext& context;

    template <class Op>
    Command operator()(const Op&) const {
        for (const auto kind : {convolution_command, detection_command, pillar_command}) {
            if (Command command = kind(context); command.enqueue) return command;
        }
        return {};
    }
    Command operator()(const ops::Input& op) const {
        if (op.role != ops::Input::Role::image) return {"copy", "the caller's numbers", 0, [](const Addresses&, Queue&) {}};
        const std::size_t bytes = std::size_t(context.shape(context.out()).numel()) * 4;
        Command command = one_kernel(context, "from_planes", [map = context.map(context.out()), dst = context.out()](auto tag, const Addresses& at) {
            using T = decltype(tag);
            return FromPlanes<T>{at.scratch_at<const float>(0), at.value<T>(dst), map};
        });
        command.scratch = rounded(bytes);
        command.reason = "maps are NHWC here";
        return command;
    }
    Command operator()(const ops::BatchNorm& op) const { return batch_norm_command(context, op); }
    Command operator()(const ops::GroupNorm& op) const { return group_norm_command(context, op); }
    Command operator()(const ops::Activate& op) const {
        return one_kernel(context, "activate", [op, count = elements(), src = context.in(0), dst = context.out()](auto tag, const Addresses& at) {
            using T = decltype(tag);
            return Activating<T>{at.value<const T>(src), at.value<T>(dst), count, op.activation};
        });
    }
    Command operator()(const ops::Add& op) const {
        if (context.storage(context.in(0)) != context.storage(context.in(1))) context.refuse("its operands are stored in different types");
        return one_kernel(context, "add", [op, count = elements(), left = context.in(0), right = context.in(1), dst = context.out()](auto tag, const Addresses& at) {
            using T = decltype(tag);
            return Adding<T>{at.value<const T>(left), at.value<const T>(right), at.value<T>(dst), count, op.activation};
        });
    }
    Command operator()(const ops::Average&) const {
        const std::vector<ValueId> sources = context.node().inputs;
        if (sources.size() > std::size_t(Averaging<float>::most)) context.refuse("it has more than 16 inputs");
        for (const ValueId source : sources) {
            if (context.storage(source) != context.storage(context.out())) context.refuse("its operands are stored in different types");
        }
        return one_kernel(context, "average", [sources, count = elements(), dst = context.out()](auto tag, const Addresses& at) {
            using T = decltype(tag);
            Averaging<T> kernel{{}, std::int32_t(sources.size()), at.value<T>(dst), count};
            for (std::size_t i = 0; i < sources.size(); ++i) kernel.src[i] = at.value<const T>(sources[i]);
            return kernel;
        });
    }
    Command operator()(const ops::Concat&) const {
        std::vector<std::pair<ValueId, std::uint32_t>> sources;
        for (const ValueId source : context.node().inputs) sources.emplace_back(source, context.map(source).c);
        return {"place", "own kernel", 0, [sources, storage = context.storage(context.out()), map = context.map(context.out()), dst = context.out()](const Addresses& at, Queue& queue) {
                    with_storage(storage, [&](auto tag) {
                        using T = decltype(tag);
                        std::uint32_t first = 0;
                        for (const auto& [source, channels] : sources) {
                            queue.each(Placing<T>{at.value<const T>(source), at.value<T>(dst), map.n * map.h * map.w, channels, map.c, first});
                            first += channels;
                        }
                    });
                }};
    }
    Command operator()(const ops::Pool2d& op) const {
        return one_kernel(context, "pool", [op, from = context.map(context.in(0)), to = context.map(context.out()), src = context.in(0), dst = context.out()](auto tag, const Addresses& at) {
            using T = decltype(tag);
            return Pooling<T>{at.value<const T>(src), at.value<T>(dst), from, to, op.kernel, op.stride, op.padding, op.kind == ops::Pool2d::Kind::maximum};
        });
    }
    Command operator()(const ops::GlobalAveragePool&) const {
        return {"global_average", "own kernel", 0, [storage = context.storage(context.out()), map = context.map(context.in(0)), src = context.in(0), dst = context.out()](const Addresses& at, Queue& queue) {
                    with_storage(storage, [&](auto tag) {
                        using T = decltype(tag);
                        const GlobalAverage<T> kernel{at.value<const T>(src), at.value<T>(dst), map};
                        queue.blocks(kernel, std::int64_t(map.n) * kernel.strips());
                    });
                }};
    }
    Command operator()(const ops::ScaleChannels&) const {
        return one_kernel(context, "scale_channels", [map = context.map(context.out()), src = context.in(0), gate = context.in(1), dst = context.out()](auto tag, const Addresses& at) {
            using T = decltype(tag);
            return ScalingChannels<T>{at.value<const T>(src), at.value<const T>(gate), at.value<T>(dst), map};
        });
    }
    Command operator()(const ops::Resize& op) const {
        return one_kernel(context, "resize", [op, from = context.map(context.in(0)), to = context.map(context.out()), src = context.in(0), like = op.adds ? context.in(1) : no_value, dst = context.out()](auto tag, const Addresses& at) {
            using T = decltype(tag);
            return Resizing<T>{at.value<const T>(src), op.adds ? at.value<const T>(like) : nullptr, at.value<T>(dst), from, to, op.mode == ops::Resize::Mode::bilinear};
        });
    }
    Command operator()(const ops::Softmax&) const {
        const Shape& shape = context.shape(context.out());
        const std::int64_t width = shape.rank() == 0 ? 1 : shape[shape.rank() - 1], rows = width == 0 ? 0 : shape.numel() / width;
        if (shape.rank() > 2) context.refuse("only tables [rows, classes] are supported");
        return {"softmax", "own kernel", 0, [=, storage = context.storage(context.in(0)), src = context.in(0), dst = context.out()](const Addresses& at, Queue& queue) {
                    queue.blocks(SoftmaxRows{{at.value<const void>(src), storage}, at.value<float>(dst), std::int32_t(rows), std::int32_t(width)}, rows);
                }};
    }

    std::uint32_t elements() const { return std::uint32_t(context.shape(context.out()).numel()); }
};

}  // namespace

Command make_command(const NodeContext& context) {
    Command command = std::visit(Commands{context}, context.node().operation);
    if (!command.enqueue) context.refuse("the operation is not supported");
    return command;
}

}  // namespace regulus::cuda

// Commands of convolutions, transposed and deformable ones too, and of linear layers: cuDNN's engines or own kernels.
#include <array>
#include <cstdio>
#include <numeric>

#include <regulus/cuda/commands.hpp>
#include <regulus/graph/bind.hpp>

namespace regulus::cuda {

namespace {

std::vector<float> floats_of(const Tensor& tensor) { return {tensor.data<float>(), tensor.data<float>() + tensor.numel()}; }

/// Weights [out][in / groups][taps] in another order of their last two axes: [out][taps][in / groups] for cuDNN, [taps][in / groups][out] for our own.
std::vector<float> by_taps(const Tensor& weight, std::int64_t out, std::int64_t in, std::int64_t taps, bool own) {
    std::vector<float> result(std::size_t(out * in * taps));
    const float* from = weight.data<float>();
    for (std::int64_t o = 0; o < out; ++o) {
        for (std::int64_t i = 0; i < in; ++i) {
            for (std::int64_t t = 0; t < taps; ++t) result[std::size_t(own ? (t * in + i) * out + o : (o * taps + t) * in + i)] = *from++;
        }
    }
    return result;
}

/// How a node's convolution reads its weights: `order` gives them for cuDNN or for our own kernel.
struct WeightSource {
    std::string key;
    std::function<std::vector<float>(bool own)> order;
    std::function<std::vector<float>()> bias;
};

/// One convolution with what follows it; used by nodes of several kinds.
struct Convolution {
    std::shared_ptr<const CudnnConvolution> cudnn;
    ConvolutionProblem problem;
    bool separate_epilogue = false;
    DevicePointer weight = 0, bias = 0;
    std::size_t workspace = 0;
    std::string kernel, reason;

    void enqueue(const Addresses& at, Queue& queue, DevicePointer src, DevicePointer residual, DevicePointer dst, DevicePointer scratch) const {
        if (cudnn) cudnn->execute(at.lane->cudnn(), {src, weight, separate_epilogue ? 0 : bias, separate_epilogue ? 0 : residual, dst, scratch});
        with_storage(problem.storage, [&](auto tag) {
            using T = decltype(tag);
            const MapSize from{std::uint32_t(problem.n), std::uint32_t(problem.h), std::uint32_t(problem.w), std::uint32_t(problem.in)};
            const MapSize to{std::uint32_t(problem.n), std::uint32_t(problem.out_h), std::uint32_t(problem.out_w), std::uint32_t(problem.out)};
            T* const result = reinterpret_cast<T*>(dst);
            const T* const addend = problem.residual ? reinterpret_cast<const T*>(residual) : nullptr;
            const float* const shift = reinterpret_cast<const float*>(bias);
            if (!cudnn) {
                queue.each(DirectConvolution<T>{reinterpret_cast<const T*>(src), reinterpret_cast<const T*>(weight), shift, addend, result, from, to, problem.kernel, problem.stride, problem.padding,
                                                problem.dilation, problem.groups, problem.activation});
            } else if (separate_epilogue) {
                queue.each(ScaleShift<T>{result, nullptr, shift, addend, result, to.elements(), to.c, problem.activation});
            }
        });
    }
};

/// Widest group that our own kernel does; it is chosen where it is measured to be the fastest and, without measuring, in float32: there cuDNN's engines without TF32
/// copy both maps to another layout first, where its tensor cores are asked in half types.
constexpr int narrow_group = 64;
constexpr EngineChoice own_kernel{0, -1};

/// Times engines on memory of their own, which holds zeros.
class EngineTimer {
public:
    EngineTimer(const NodeContext& context, const ConvolutionProblem& p) : context_(context), device_(*context.compiled.device) {
        const std::array<std::size_t, 5> sizes = sizes_of(p);
        const std::size_t budget = context.compiled.memory_budget;
        if (budget != 0 && std::accumulate(sizes.begin(), sizes.end(), context.workspace_limit) > budget) throw BackendError("cuda: timing would pass the memory budget");
        for (std::size_t i = 0; i < 5; ++i) memory_[i] = DeviceMemory(context.compiled.device, sizes[i]);
        for (std::size_t i = 0; i < 5; ++i) Queue(device_, context.lane.stream()).fill(memory_[i].address(), 0, sizes[i]);
    }
    ~EngineTimer() { device_.api().stream_synchronize(context_.lane.stream()); }
    EngineTimer(const EngineTimer&) = delete;
    EngineTimer& operator=(const EngineTimer&) = delete;

    /// Milliseconds of a run, the least of three; negative when it fails.
    double operator()(const CudnnConvolution& convolution) {
        return least(convolution.workspace_bytes(), [&] {
            convolution.execute(context_.lane.cudnn(), {memory_[0].address(), memory_[1].address(), memory_[2].address(), memory_[3].address(), memory_[4].address(), workspace_.address()});
        });
    }
    /// The same of our own kernel.
    double own(const ConvolutionProblem& problem) {
        Convolution convolution;
        convolution.problem = problem;
        convolution.weight = memory_[1].address();
        convolution.bias = memory_[2].address();
        Queue queue(device_, context_.lane.stream());
        return least(0, [&] { convolution.enqueue({}, queue, memory_[0].address(), memory_[3].address(), memory_[4].address(), 0); });
    }

private:
    template <class Run>
    double least(std::size_t workspace, const Run& run_once) {
        const CudaApi& api = device_.api();
        Opaque events[2] = {};
        double best = -1;
        try {
            if (workspace > workspace_.bytes()) {
                workspace_ = DeviceMemory();
                workspace_ = DeviceMemory(context_.compiled.device, workspace);
            }
            for (Opaque& event : events) device_.check(api.event_create(&event, 0), "making an event");
            for (int run = 0; run < 4; ++run) {  // the first warms up
                device_.check(api.event_record(events[0], context_.lane.stream()), "timing");
                run_once();
                device_.check(api.event_record(events[1], context_.lane.stream()), "timing");
                context_.lane.synchronize();
                float milliseconds = 0;
                device_.check(api.event_elapsed(&milliseconds, events[0], events[1]), "timing");
                if (run > 0 && (best < 0 || double(milliseconds) < best)) best = double(milliseconds);
            }
        } catch (const BackendError&) {
            best = -1;
            api.stream_synchronize(context_.lane.stream());  // nothing may be under way when the workspace grows
        }
        for (const Opaque event : events) {
            if (event != nullptr) api.event_destroy(event);
        }
        return best;
    }
    /// Source, weights, bias, residual, result.
    static std::array<std::size_t, 5> sizes_of(const ConvolutionProblem& p) {
        const std::size_t element = size_of(p.storage), source = std::size_t(p.n * p.h * p.w * p.in) * element, result = std::size_t(p.n * p.out_h * p.out_w * p.out) * element;
        return {source, std::size_t(p.out * (p.in / p.groups) * p.kernel * p.kernel) * element, std::size_t(p.out) * sizeof(float), p.residual ? result : 0, result};
    }

    const NodeContext& context_;
    const Device& device_;
    DeviceMemory memory_[5], workspace_;
};

/// The engine of the cache, the fastest, or the first; `how` says which. None: `why_not` says why, and `own_wins` whether our own kernel was found to be better.
std::shared_ptr<const CudnnConvolution> find_engine(const NodeContext& context, const ConvolutionProblem& problem, bool narrow, std::string& why_not, std::string& how, bool& own_wins) {
    const Compiled& compiled = context.compiled;
    const std::string key = problem.key();
    CudnnConvolution::Selection selection;
    selection.wanted = compiled.engines->find(key);
    if (narrow && (selection.wanted ? *selection.wanted == own_kernel : !compiled.options.autotune && problem.storage == Storage::f32 && !problem.tf32)) {
        why_not = "groups of " + std::to_string(problem.in / problem.groups) + " channels" + (selection.wanted ? "; as the engine cache says" : "");
        own_wins = true;
        return nullptr;
    }
    std::unique_ptr<EngineTimer> timer;
    if (!selection.wanted && compiled.options.autotune) {
        try {
            timer = std::make_unique<EngineTimer>(context, problem);
            selection.milliseconds = [&](const CudnnConvolution& convolution) { return (*timer)(convolution); };
        } catch (const BackendError&) {
            how = context.compiled.memory_budget != 0 ? "; not timed within the memory budget" : "; not timed for want of memory";
        }
    }
    auto found = CudnnConvolution::find(compiled.device, context.lane.cudnn(), problem, context.workspace_limit, why_not, &selection);
    const std::string limited = context.for_budget ? "; at most " + std::to_string(context.workspace_limit) + " bytes of workspace, for the memory budget" : "";
    if (!found) {
        why_not += limited;
        return nullptr;
    }
    if (selection.timed > 0 && selection.best > 0) {
        const double own = narrow ? timer->own(problem) : -1;
        own_wins = own > 0 && own < selection.best;
        if (!context.for_budget) compiled.engines->keep(key, own_wins ? own_kernel : selection.taken);  // with room there may be a faster one
        char text[120];
        if (own_wins) {
            std::snprintf(text, sizeof text, "groups of %d channels; %.4f ms, the fastest of %d engines of cuDNN %.4f ms", int(problem.in / problem.groups), own, selection.timed, selection.best);
            why_not = text;
            return nullptr;
        }
        std::snprintf(text, sizeof text, "; the fastest of %d, %.4f ms", selection.timed, selection.best);
        how = text;
    } else if (selection.wanted) {
        how = selection.taken == *selection.wanted ? "; as the engine cache says" : "; the engine cache's choice is not to be had";
    }
    how += limited;
    if (const std::string note = compiled.engines->note(); !note.empty()) how += "; " + note;
    return found;
}

Convolution make_convolution(const NodeContext& context, const ConvolutionProblem& problem, const WeightSource& source) {
    Convolution result;
    result.problem = problem;
    std::string why_not;
    const bool narrow = problem.groups > 1 && problem.in / problem.groups <= narrow_group;
    if (context.lane.cudnn() == nullptr) why_not = narrow ? "groups of " + std::to_string(problem.in / problem.groups) + " channels" : "cuDNN is not used";
    else if (problem.n * problem.out_h * problem.out_w == 0) why_not = "there is nothing to do";
    else {
        std::string how;
        bool own_wins = false;
        result.cudnn = find_engine(context, problem, narrow, why_not, how, own_wins);
        if (result.cudnn) {
            result.reason = "one fused graph" + how;
        } else if (!own_wins && (problem.bias || problem.residual || problem.activation != Activation::none)) {
            ConvolutionProblem alone = problem;
            alone.bias = alone.residual = false;
            alone.activation = Activation::none;
            const std::string fused = why_not;
            result.cudnn = find_engine(context, alone, narrow, why_not, how, own_wins);
            result.separate_epilogue = bool(result.cudnn);
            result.reason = "its end apart: of the fused graph " + fused + how;
        }
    }
    if (result.cudnn) {
        result.kernel = result.cudnn->name() + (result.separate_epilogue ? " + scale_shift" : "");
        result.workspace = rounded(result.cudnn->workspace_bytes());
    } else {
        result.kernel = "direct_convolution";
        result.reason = why_not;
    }
    const bool own = !result.cudnn;
    result.weight = context.compiled.weights->floats(source.key + (own ? "|own" : "|cudnn"), problem.storage, [&] { return source.order(own); });
    // Our own kernels add biases in float32.
    result.bias = context.compiled.weights->floats(source.key + "|bias", own || result.separate_epilogue ? Storage::f32 : problem.storage, source.bias);
    return result;
}

ConvolutionProblem problem_of(const NodeContext& context, const MapSize& src, const MapSize& dst, const ops::Conv2d& op) {
    ConvolutionProblem p;
    p.n = src.n, p.h = src.h, p.w = src.w, p.in = src.c;
    p.out_h = dst.h, p.out_w = dst.w, p.out = dst.c;
    p.kernel = op.kernel, p.stride = op.stride, p.padding = op.padding, p.dilation = op.dilation, p.groups = op.groups;
    p.residual = op.residual;
    p.activation = op.activation;
    p.storage = context.storage(context.out());
    p.tf32 = context.compiled.options.tf32;
    return p;
}

Command plain_command(const NodeContext& context, const ops::Conv2d& op) {
    const ConvolutionProblem problem = problem_of(context, context.map(context.in(0)), context.map(context.out()), op);
    const auto folded = [&] { return folded_parameters(op, context.bound()); };
    const WeightSource source{context.key("conv"), [&](bool own) { return by_taps(folded().weight, op.out_channels, op.in_channels / op.groups, op.kernel * op.kernel, own); },
                              [&] { return floats_of(folded().bias); }};
    const Convolution convolution = make_convolution(context, problem, source);
    Command command{convolution.kernel, convolution.reason, convolution.workspace, {}, convolution.workspace};
    command.enqueue = [=, src = context.in(0), residual = op.residual ? context.in(1) : no_value, dst = context.out()](const Addresses& at, Queue& queue) {
        convolution.enqueue(at, queue, at.address(src), residual == no_value ? 0 : at.address(residual), at.address(dst), at.scratch);
    };
    return command;
}

Command deform_command(const NodeContext& context, const ops::DeformConv2d& deform) {
    const ops::Conv2d& op = deform.conv;
    const MapSize src = context.map(context.in(0)), dst = context.map(context.out());
    const std::int64_t taps = op.kernel * op.kernel, in_group = op.in_channels / op.groups, patch = taps * op.in_channels;
    ops::Conv2d product;
    product.kernel = 1;
    product.groups = op.groups;
    product.activation = op.activation;
    const MapSize pixels{1, dst.n * dst.h * dst.w, 1, std::uint32_t(patch)};
    if (std::int64_t(pixels.h) * patch >= std::int64_t(1) << 31) context.refuse("its patches have more than 2^31 elements; use smaller pictures");
    ConvolutionProblem problem = problem_of(context, pixels, {1, pixels.h, 1, dst.c}, product);
    const auto folded = [&] { return folded_parameters(op, context.bound()); };
    const WeightSource source{context.key("deform"),
                              [&](bool own) {
                                  // A patch's channels of a group are [tap][channel]; as one pixel of taps * in_group channels they stand in one tap.
                                  const std::vector<float> rows = by_taps(folded().weight, op.out_channels, in_group, taps, false);
                                  if (!own) return rows;
                                  std::vector<float> result(rows.size());
                                  for (std::int64_t o = 0; o < op.out_channels; ++o) {
                                      for (std::int64_t i = 0; i < taps * in_group; ++i) result[std::size_t(i * op.out_channels + o)] = rows[std::size_t(o * taps * in_group + i)];
                                  }
                                  return result;
                              },
                              [&] { return floats_of(folded().bias); }};
    const Convolution convolution = make_convolution(context, problem, source);
    const std::size_t patches = rounded(std::size_t(pixels.elements()) * size_of(problem.storage));
    Command command{"deform_patches, " + convolution.kernel, convolution.reason, patches + convolution.workspace, {}, convolution.workspace};
    command.enqueue = [=, input = context.in(0), offsets = context.in(1), output = context.out()](const Addresses& at, Queue& queue) {
        with_storage(problem.storage, [&](auto tag) {
            using T = decltype(tag);
            queue.each(DeformPatches<T>{at.value<const T>(input), at.value<const T>(offsets), at.scratch_at<T>(0), src, dst.h, dst.w, std::uint32_t(op.groups), std::uint32_t(deform.deform_groups),
                                        std::uint32_t(deform.offset_channels()), op.kernel, op.stride, op.padding, op.dilation, deform.modulated});
        });
        convolution.enqueue(at, queue, at.scratch, 0, at.address(output), at.scratch + patches);
    };
    return command;
}

Command transposed_command(const NodeContext& context, const ops::ConvTranspose2d& op) {
    const MapSize src = context.map(context.in(0)), dst = context.map(context.out());
    const std::int64_t taps = std::int64_t(op.kernel) * op.kernel;
    const auto folded = [&] { return folded_parameters(op, context.bound()); };
    // Of the weights [in][out][tap].
    const auto ordered = [&](bool taps_first_in_out) {
        const Tensor weight = folded().weight;
        std::vector<float> result(std::size_t(weight.numel()));
        for (std::int64_t i = 0; i < op.in_channels; ++i) {
            for (std::int64_t o = 0; o < op.out_channels; ++o) {
                for (std::int64_t t = 0; t < taps; ++t) {
                    const std::int64_t to = taps_first_in_out ? (t * op.in_channels + i) * op.out_channels + o : (t * op.out_channels + o) * op.in_channels + i;
                    result[std::size_t(to)] = weight.data<float>()[(i * op.out_channels + o) * taps + t];
                }
            }
        }
        return result;
    };
    const Storage storage = context.storage(context.out());
    if (op.kernel != op.stride || op.padding != 0) {
        const DevicePointer weight = context.compiled.weights->floats(context.key("transposed"), storage, [&] { return ordered(true); });
        const DevicePointer bias = context.compiled.weights->floats(context.key("transposed bias"), Storage::f32, [&] { return floats_of(folded().bias); });
        return {"transposed_convolution", "windows overlap", 0, [=, input = context.in(0), output = context.out()](const Addresses& at, Queue& queue) {
                    with_storage(storage, [&](auto tag) {
                        using T = decltype(tag);
                        queue.each(TransposedConvolution<T>{at.value<const T>(input), reinterpret_cast<const T*>(weight), reinterpret_cast<const float*>(bias), at.value<T>(output), src, dst, op.kernel,
                                                            op.stride, op.padding, op.activation});
                    });
                }};
    }
    ops::Conv2d product;
    product.activation = op.activation;
    const MapSize wide{src.n, src.h, src.w, std::uint32_t(taps) * dst.c};
    const ConvolutionProblem problem = problem_of(context, src, wide, product);
    const WeightSource source{context.key("deconv"),
                              [&](bool own) {
                                  const std::vector<float> rows = ordered(false);  // [tap * out][in]
                                  if (!own) return rows;
                                  const std::int64_t outs = taps * op.out_channels;
                                  std::vector<float> result(rows.size());
                                  for (std::int64_t o = 0; o < outs; ++o) {
                                      for (std::int64_t i = 0; i < op.in_channels; ++i) result[std::size_t(i * outs + o)] = rows[std::size_t(o * op.in_channels + i)];
                                  }
                                  return result;
                              },
                              [&] {
                                  std::vector<float> repeated;
                                  const std::vector<float> one = floats_of(folded().bias);
                                  for (std::int64_t t = 0; t < taps; ++t) repeated.insert(repeated.end(), one.begin(), one.end());
                                  return repeated;
                              }};
    const Convolution convolution = make_convolution(context, problem, source);
    const std::size_t products = rounded(std::size_t(wide.elements()) * size_of(storage));
    Command command{convolution.kernel + ", depth_to_space", convolution.reason, products + convolution.workspace, {}, convolution.workspace};
    command.enqueue = [=, input = context.in(0), output = context.out()](const Addresses& at, Queue& queue) {
        convolution.enqueue(at, queue, at.address(input), 0, at.scratch, at.scratch + products);
        with_storage(storage, [&](auto tag) {
            using T = decltype(tag);
            queue.each(DepthToSpace<T>{at.scratch_at<const T>(0), at.value<T>(output), dst, std::uint32_t(op.kernel)});
        });
    };
    return command;
}

/// A linear layer is a 1x1 convolution over a column of rows; features of maps stand channels last.
Command linear_command(const NodeContext& context, const ops::Linear& op) {
    const Shape& in = context.shape(context.in(0));
    const Storage storage = context.storage(context.out());
    if (context.storage(context.in(0)) != storage) context.refuse("its input is float32 where maps are " + std::string(name_of(storage)));
    const std::int64_t area = in.rank() == 4 ? in[2] * in[3] : 1;
    ops::Conv2d product;
    product.activation = op.activation;
    const MapSize rows{1, std::uint32_t(in[0]), 1, std::uint32_t(op.in_features)};
    const ConvolutionProblem problem = problem_of(context, rows, {1, rows.h, 1, std::uint32_t(op.out_features)}, product);
    const WeightSource source{context.key(area == 1 ? "linear" : ("linear of " + std::to_string(area)).c_str()),
                              [&](bool own) {
                                  const std::int64_t channels = op.in_features / area;
                                  std::vector<float> result(std::size_t(op.in_features) * std::size_t(op.out_features));
                                  const float* from = context.bound()[0].data<float>();
                                  for (std::int64_t o = 0; o < op.out_features; ++o) {
                                      for (std::int64_t c = 0; c < channels; ++c) {
                                          for (std::int64_t x = 0; x < area; ++x, ++from) {
                                              const std::int64_t i = x * channels + c;
                                              result[std::size_t(own ? i * op.out_features + o : o * op.in_features + i)] = *from;
                                          }
                                      }
                                  }
                                  return result;
                              },
                              [&] { return op.bias ? floats_of(context.bound()[1]) : std::vector<float>(std::size_t(op.out_features), 0.f); }};
    const Convolution convolution = make_convolution(context, problem, source);
    Command command{convolution.kernel, convolution.reason, convolution.workspace, {}, convolution.workspace};
    command.enqueue = [=, src = context.in(0), dst = context.out()](const Addresses& at, Queue& queue) { convolution.enqueue(at, queue, at.address(src), 0, at.address(dst), at.scratch); };
    return command;
}

struct ConvolutionCommands {
    const NodeContext& context;

    template <class Op>
    Command operator()(const Op&) const { return {}; }
    Command operator()(const ops::Conv2d& op) const { return plain_command(context, op); }
    Command operator()(const ops::DeformConv2d& op) const { return deform_command(context, op); }
    Command operator()(const ops::ConvTranspose2d& op) const { return transposed_command(context, op); }
    Command operator()(const ops::Linear& op) const { return linear_command(context, op); }
};

}  // namespace

Command convolution_command(const NodeContext& context) { return std::visit(ConvolutionCommands{context}, context.node().operation); }

}  // namespace regulus::cuda

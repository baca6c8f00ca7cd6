#include <map>

#include <regulus/cuda/executable.hpp>
#include <regulus/graph/bind.hpp>
#include <regulus/graph/passes.hpp>

namespace regulus {

namespace cuda {

namespace {

/// What an operation's float32 results are stored as: maps and tables of features as asked, elementwise steps as their first input, lists in float32.
struct ResultStorage {
    const std::vector<Storage>& known;
    const Node& node;
    Storage features;

    Storage first() const { return known[std::size_t(node.inputs[0])]; }
    template <class Op>
    Storage operator()(const Op&) const { return features; }
    Storage operator()(const ops::Input& op) const { return op.role == ops::Input::Role::image ? features : Storage::f32; }
    Storage operator()(const ops::Activate&) const { return first(); }
    Storage operator()(const ops::Add&) const { return first(); }
    Storage operator()(const ops::Average&) const { return first(); }
    Storage operator()(const ops::Softmax&) const { return Storage::f32; }
    Storage operator()(const ops::TopK&) const { return Storage::f32; }
    Storage operator()(const ops::DecodeAnchors&) const { return Storage::f32; }
    Storage operator()(const ops::Nms&) const { return Storage::f32; }
    Storage operator()(const ops::ClassCandidates&) const { return Storage::f32; }
    Storage operator()(const ops::SelectChannel&) const { return Storage::f32; }
    Storage operator()(const ops::RefineBoxes&) const { return Storage::f32; }
    Storage operator()(const ops::ScaleBoxes&) const { return Storage::f32; }
    Storage operator()(const ops::DecodeBoxes3d&) const { return Storage::f32; }
    Storage operator()(const ops::RotatedNms&) const { return Storage::f32; }
    Storage operator()(const ops::CircleNms&) const { return Storage::f32; }
};

void check_libraries(const Libraries& libraries, const CudaOptions& options) {
    if (!libraries.cuda_missing.empty()) throw BackendError(libraries.cuda_missing);
    if (options.cudnn && !libraries.cudnn_missing.empty()) throw BackendError(libraries.cudnn_missing);
}

}  // namespace

}  // namespace cuda

CudaBackend::CudaBackend(const CudaOptions& options) : CudaBackend(options, cuda::system_libraries()) {}

CudaBackend::CudaBackend(const CudaOptions& options, std::shared_ptr<const cuda::Libraries> libraries) : options_(options) {
    cuda::check_libraries(*libraries, options);
    device_ = std::make_shared<cuda::Device>(std::move(libraries), options.device);
}

std::string CudaBackend::unavailable(const CudaOptions& options) {
    try {
        const CudaBackend backend(options);
        return "";
    } catch (const BackendError& error) {
        return error.what();
    }
}

std::string CudaBackend::name() const { return std::string("cuda (") + name_of(cuda::storage_of_precision(options_.precision)) + ", " + device_->name() + ")"; }

std::shared_ptr<const Executable> CudaBackend::compile(const Graph& graph, const Weights& weights, const CompileOptions& options) const {
    auto compiled = std::make_shared<cuda::Compiled>();
    const std::vector<std::vector<Tensor>> bound = bind_weights(graph, weights);  // as recorded: a checkpoint may hold what the outputs do not need
    std::map<std::string, Tensor> tensors;  // by name, because the passes move parameters between nodes
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
        for (std::size_t i = 0; i < bound[id].size(); ++i) tensors.emplace(graph.nodes[id].parameters[i].name, bound[id][i]);
    }
    compiled->device = device_;
    compiled->options = options_;
    compiled->memory_budget = options.memory_budget;
    compiled->graph = optimize(with_outputs(graph, options.extra_outputs));
    compiled->storage.assign(compiled->graph.values.size(), cuda::Storage::f32);
    for (const Node& node : compiled->graph.nodes) {
        compiled->bound.emplace_back();
        for (const Parameter& parameter : node.parameters) compiled->bound.back().push_back(tensors.at(parameter.name));
        const cuda::Storage storage = std::visit(cuda::ResultStorage{compiled->storage, node, cuda::storage_of_precision(options_.precision)}, node.operation);
        for (const ValueId out : node.outputs) compiled->storage[std::size_t(out)] = storage;
    }
    compiled->weights = std::make_unique<cuda::WeightStore>(device_);
    const std::string cudnn = options_.cudnn ? std::to_string(device_->libraries().cudnn.version()) : "none";
    compiled->engines = std::make_unique<cuda::EngineCache>(options_.cudnn ? options_.engine_cache : "", device_->name() + ", capability " + std::to_string(device_->capability()) + ", cuDNN " + cudnn);
    compiled->lanes = std::make_unique<cuda::LanePool>(device_, options_.cudnn);
    return std::make_shared<cuda::CudaExecutable>(std::move(compiled));
}

}  // namespace regulus

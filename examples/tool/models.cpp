#include "models.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include <regulus/converters/convert.hpp>
#include <regulus/converters/seeded_weights.hpp>
#include <regulus/cpu.hpp>
#if defined(REGULUS_TOOL_CUDA)
#include <regulus/cuda.hpp>
#endif
#include <regulus/models/mmdetection2.hpp>
#include <regulus/reference.hpp>
#include <regulus/weights/read_weights.hpp>

#include "../fasteners.hpp"
#include "noise.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

constexpr const char* shipped_name = "regulus/fasteners";

template <class Model>
regulus::ModelSpec demo_model(std::string name, std::string architecture, double box_ap, double mask_ap) {
    regulus::ModelSpec spec = regulus::model_spec<Model>(std::move(name), "mmdetection", std::move(architecture));
    spec.licence = "Apache-2.0";
    spec.data = "rendered pictures of fasteners";
    spec.box_ap = box_ap;
    spec.mask_ap = mask_ap;
    return spec;
}

bool is_readable(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

/// The folder of this program's file, or "".
std::string program_folder() {
    std::string path(4096, '\0');
    const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
    if (length <= 0 || std::size_t(length) == path.size()) return "";
    path.resize(std::size_t(length));
    return path.substr(0, path.rfind('/'));
}

/// Whether the weights are a model's, under the names of its code base or ours.
bool is_of(const regulus::ModelSpec& model, const regulus::Weights& weights) {
    const regulus::Graph graph = regulus::recorded(model);
    if (!may_fit(weights, graph)) return false;
    const regulus::Weights ours = regulus::to_regulus(weights, graph);
    if (const auto names = ours.metadata.find("regulus.names"); names != ours.metadata.end() && names->second != model.code_base) return false;
    return fits(graph, ours);
}

/// Models that differ neither in their graph's parameters nor in how they see pictures give the same results.
bool same_eyes(const regulus::ModelSpec& a, const regulus::ModelSpec& b) {
    return a.facts.preprocessing == b.facts.preprocessing && a.facts.class_names == b.facts.class_names;
}

const regulus::ModelSpec& recognise(const regulus::Weights& weights) {
    if (const auto stated = weights.metadata.find("regulus.model"); stated != weights.metadata.end()) return model_named(stated->second);
    std::vector<const regulus::ModelSpec*> found;
    for (const regulus::ModelSpec& model : models()) {
        if (is_of(model, weights)) found.push_back(&model);
    }
    if (found.empty()) throw regulus::ArgumentError("load: " + weights.source + " fits none of the known models; name one with --model to see what differs (regulus zoo list)");
    std::string names;
    bool equal = true;
    for (const regulus::ModelSpec* model : found) {
        names += "\n  " + model->name;
        equal = equal && same_eyes(*model, *found.front());
    }
    if (!equal) throw regulus::ArgumentError("load: " + weights.source + " fits several models that see pictures differently; choose with --model:" + names);
    return *found.front();
}

/// Whether a file has far more tensors than a network: not worth to be looked at.
bool has_too_many(const regulus::Weights& weights, const regulus::Graph& graph) {
    constexpr std::string_view counter = "num_batches_tracked";
    constexpr std::size_t beside = 64;  // means, anchors and the like that some programs keep beside the weights
    std::size_t parameters = 0;
    for (const regulus::Node& node : graph.nodes) parameters += node.parameters.size();
    if (weights.size() <= parameters + beside) return false;
    std::size_t tensors = 0;
    for (const regulus::Weights::Entry& entry : weights.entries()) tensors += std::string_view(entry.name).ends_with(counter) ? 0 : 1;
    return tensors > parameters + beside;
}

}  // namespace

std::map<std::string, regulus::Shape> parameter_shapes(const regulus::Graph& graph) {
    std::map<std::string, regulus::Shape> shapes;
    for (const regulus::Node& node : graph.nodes) {
        for (const regulus::Parameter& parameter : node.parameters) shapes[parameter.name] = parameter.shape;
    }
    return shapes;
}

regulus::Weights renamed(const regulus::Weights& weights, const std::function<std::string(const std::string&)>& name_of) {
    regulus::Weights result;
    for (const regulus::Weights::Entry& entry : weights.entries()) {
        if (const std::string name = name_of(entry.name); !name.empty()) result.add(name, entry.tensor);
    }
    result.metadata = weights.metadata;
    result.source = weights.source;
    return result;
}

bool fits(const regulus::Graph& graph, const regulus::Weights& ours) {
    const std::map<std::string, regulus::Shape> shapes = parameter_shapes(graph);
    return shapes.size() == ours.size() && std::all_of(shapes.begin(), shapes.end(), [&](const auto& parameter) {
        const regulus::Tensor* const tensor = ours.find(parameter.first);
        return tensor != nullptr && tensor->shape() == parameter.second;
    });
}

bool may_fit(const regulus::Weights& weights, const regulus::Graph& graph) {
    if (has_too_many(weights, graph)) return false;
    std::map<std::vector<std::int64_t>, std::set<std::string_view>> needed;  // convolutions; heads that look at several maps share theirs
    for (const regulus::Node& node : graph.nodes) {
        for (const regulus::Parameter& parameter : node.parameters) {
            if (parameter.shape.rank() == 4) needed[{parameter.shape.begin(), parameter.shape.end()}].insert(parameter.name);
        }
    }
    std::map<std::vector<std::int64_t>, std::size_t> there;
    for (const regulus::Weights::Entry& entry : weights.entries()) {
        if (entry.tensor.shape().rank() == 4) ++there[{entry.tensor.shape().begin(), entry.tensor.shape().end()}];
    }
    return std::all_of(needed.begin(), needed.end(), [&](const auto& shape) { return there[shape.first] >= shape.second.size(); });
}

const std::vector<regulus::ModelSpec>& models() {
    static const std::vector<regulus::ModelSpec> all = [] {
        std::vector<regulus::ModelSpec> list{demo_model<Fasteners>(shipped_name, "Mask R-CNN, RegNetX-200MF, FPN of 64", 49.5, 38.3),
                                             demo_model<FastenersRetinaNet>("regulus/fasteners_retinanet", "RetinaNet, RegNetX-200MF, FPN of 64", 36.2, 0)};
        list.insert(list.end(), regulus::zoo_models().begin(), regulus::zoo_models().end());
        return list;
    }();
    return all;
}

const regulus::ModelSpec& model_named(const std::string& name) { return regulus::find_model(models(), name); }

std::string shipped_file(const std::string& name) {
    const std::string folder = program_folder();
    for (const std::string& path : {folder + "/../share/regulus/" + name, std::string(REGULUS_MODEL_FOLDER) + "/" + name}) {
        if (is_readable(path)) return path;
    }
    throw regulus::FileError("load: the shipped weights " + name + " were not found; name a model and weights with --model and --weights");
}

std::string shipped_weights() {
    const char* const chosen = std::getenv("REGULUS_MODEL");
    return chosen != nullptr && *chosen != '\0' ? chosen : shipped_file("fasteners.safetensors");
}

regulus::Weights load_weights(const regulus::ModelSpec& model, const std::string& weights, const regulus::ReadOptions& reading) {
    return load_weights(regulus::recorded(model), model.code_base, weights, reading);
}

regulus::Weights load_weights(const regulus::Graph& graph, const std::string& code_base, const std::string& weights, const regulus::ReadOptions& reading) {
    if (weights == "balanced") return balanced_weights(graph, code_base);
    if (weights != "seeded" && weights.rfind("seeded:", 0) != 0) return regulus::read_weights(weights, reading);
    std::uint64_t salt = 0;
    if (weights != "seeded") {
        const std::string digits = weights.substr(7);
        if (digits.empty() || digits.size() > 19 || digits.find_first_not_of("0123456789") != std::string::npos) {
            throw regulus::ArgumentError("--weights seeded:SALT: the salt must be an integer of up to 19 digits, got \"" + digits + "\"");
        }
        salt = std::stoull(digits);
    }
    return regulus::seeded_weights(graph, code_base, salt);
}

Loaded load(const std::string& model, const std::string& weights, const regulus::ReadOptions& reading) {
    const bool seeded = weights.rfind("seeded", 0) == 0;
    if (model.empty() && weights.empty()) return {&model_named(shipped_name), regulus::read_weights(shipped_weights())};
    if (model.empty()) {
        if (seeded) throw regulus::ArgumentError("--weights seeded needs --model: which network? (regulus zoo list)");
        regulus::Weights read = regulus::read_weights(weights, reading);
        const regulus::ModelSpec& spec = recognise(read);
        return {&spec, std::move(read)};
    }
    const regulus::ModelSpec& spec = model_named(model);
    if (!weights.empty()) return {&spec, load_weights(spec, weights, reading)};
    if (spec.name == shipped_name) return {&spec, regulus::read_weights(shipped_weights())};
    throw regulus::ArgumentError("--model " + spec.name + " needs --weights FILE" + (spec.checkpoint.empty() ? "" : " (published as " + spec.checkpoint + ")") +
                                 "; --weights seeded runs it without a checkpoint");
}

std::vector<std::string> missing_parts(const regulus::Graph& graph, const regulus::Weights& weights) {
    std::set<std::string> parts, known;
    const auto part_of = [](const std::string& name) { return name.substr(0, name.find('.') + 1); };
    for (const regulus::Weights::Entry& entry : weights.entries()) known.insert(part_of(entry.name));
    for (const auto& parameter : parameter_shapes(graph)) parts.insert(part_of(parameter.first));
    std::vector<std::string> missing;
    std::set_difference(parts.begin(), parts.end(), known.begin(), known.end(), std::back_inserter(missing));
    return missing;
}

regulus::Graph graph_of(const regulus::ModelSpec& model, int mmdetection) {
    if (mmdetection != 2) return regulus::recorded(model);
    if (model.code_base != "mmdetection") throw regulus::ArgumentError("--mmdetection 2: " + model.name + " is a model of " + model.code_base + ", which has no such version; leave the option out");
    return regulus::as_mmdetection2(regulus::recorded(model));
}

std::unique_ptr<regulus::Backend> make_backend(const std::string& device, const std::string& precision) {
    const bool for_gpu = precision == "f16" || precision == "tf32";
    if (device == "reference" && precision != "f32") {
        throw regulus::ArgumentError("--precision " + precision + " needs --device " + (for_gpu ? "cuda" : precision == "bf16" ? "cpu or cuda" : "cpu") + "; the reference backend computes in float32");
    }
    if (device == "reference") return std::make_unique<regulus::ReferenceBackend>();
    std::string missing = "this program was built without CUDA";  // why there is no GPU for it
#if defined(REGULUS_TOOL_CUDA)
    if (device != "cpu") {
        if (precision == "bf16_anywhere" && device == "cuda") throw regulus::ArgumentError("--precision bf16_anywhere needs --device cpu; --device cuda has bf16");
        regulus::CudaOptions cuda;
        if (precision == "bf16") cuda.precision = regulus::CudaPrecision::bfloat16;
        if (precision == "f16") cuda.precision = regulus::CudaPrecision::float16;
        cuda.tf32 = precision == "tf32";
        if (device == "cuda") return regulus::cuda_backend(cuda);
        missing = regulus::CudaBackend::unavailable(cuda);
        if (missing.empty() && precision != "bf16_anywhere") return regulus::cuda_backend(cuda);
        if (missing.empty()) missing = "--precision bf16_anywhere is for it";
    }
#else
    if (device == "cuda") throw regulus::ArgumentError("--device cuda: this program was built without CUDA; build it where nvcc is, or take --device cpu");
#endif
    if (for_gpu) throw regulus::ArgumentError("--precision " + precision + " needs --device cuda" + (device == "auto" ? ": " + missing : "; the CPU backend has f32 and bf16"));
    if (device == "auto") talk("on the CPU: " + missing + "\n");
    regulus::CpuOptions options;
    if (precision == "bf16") options.precision = regulus::CpuPrecision::bf16;
    if (precision == "bf16_anywhere") options.precision = regulus::CpuPrecision::bf16_anywhere;
    return std::make_unique<regulus::CpuBackend>(options);
}

void parse_size(const std::string& text, int& height, int& width) {
    const std::size_t cross = text.find('x');
    const auto number = [&](const std::string& digits) {
        if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string::npos) return 0;
        return std::stoi(digits);
    };
    height = cross == std::string::npos ? 0 : number(text.substr(0, cross));
    width = cross == std::string::npos ? 0 : number(text.substr(cross + 1));
    if (height < 1 || width < 1 || height > 65536 || width > 65536) throw regulus::ArgumentError("--size must be HEIGHTxWIDTH, each 1 .. 65536, as 800x1344; got \"" + text + "\"");
}

void default_size(const regulus::ModelSpec& model, int& height, int& width) {
    const regulus::Preprocessing& p = model.facts.preprocessing;
    const auto padded = [&](std::int64_t side) { return int((side + p.pad_divisor - 1) / p.pad_divisor * p.pad_divisor); };
    height = padded(p.short_side);
    width = padded(p.long_side);
}

}  // namespace tool

#pragma once
// Which model and which weights the user means.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <regulus/graph/program.hpp>
#include <regulus/weights/read_weights.hpp>
#include <regulus/zoo/zoo.hpp>

namespace tool {

/// The zoo and the demo's detectors.
const std::vector<regulus::ModelSpec>& models();

/// The entry that the user names. Throws regulus::ArgumentError listing candidates.
const regulus::ModelSpec& model_named(const std::string& name);

/// The path of a shipped file of weights: beside the installed program, or in the source tree. Throws regulus::FileError.
std::string shipped_file(const std::string& name);

/// $REGULUS_MODEL, else the file of the shipped detector of pictures. Throws regulus::FileError.
std::string shipped_weights();

/// A model with weights that fit it.
struct Loaded {
    const regulus::ModelSpec* model = nullptr;
    regulus::Weights weights;  // as read; not yet under our names
};

/// From --model and --weights; either may be empty. Without both: the shipped detector. Without --model: what the file says it is, else the
/// only models whose parameters it fits. `weights` may be "seeded" or "seeded:SALT". `reading`: which group of a file, trained weights or their average.
Loaded load(const std::string& model, const std::string& weights, const regulus::ReadOptions& reading = {});

/// A graph's parameters, each once, and their shapes.
std::map<std::string, regulus::Shape> parameter_shapes(const regulus::Graph& graph);

/// The weights under other names, their source and metadata kept; a tensor whose new name is empty is left out.
regulus::Weights renamed(const regulus::Weights& weights, const std::function<std::string(const std::string&)>& name_of);

/// Whether every tensor of weights under our names has its parameter and the other way round, shapes included.
bool fits(const regulus::Graph& graph, const regulus::Weights& ours);

/// Whether weights may be this network's, whatever their names: no fewer convolutions of any shape, not many more tensors (counters apart). Asked before anything dear is done for
/// each model of the zoo: a file may hold a hundred thousand tensors.
bool may_fit(const regulus::Weights& weights, const regulus::Graph& graph);

/// Only the weights, for a model that is known: a file, or seeded.
regulus::Weights load_weights(const regulus::ModelSpec& model, const std::string& weights, const regulus::ReadOptions& reading = {});

/// The same for a graph whose checkpoints have the names of `code_base`.
regulus::Weights load_weights(const regulus::Graph& graph, const std::string& code_base, const std::string& weights, const regulus::ReadOptions& reading = {});

/// The parts of a network of which weights under our names have nothing, as the beginnings of their parameters' names: "neck.", "head.".
std::vector<std::string> missing_parts(const regulus::Graph& graph, const regulus::Weights& weights);

/// The model's graph. mmdetection = 2: with the steps after the network as that version took them, with which the numbers of 2020 and 2021 were made.
/// Throws regulus::ArgumentError when the model is none of mmdetection's.
regulus::Graph graph_of(const regulus::ModelSpec& model, int mmdetection);

/// What --device may name, and its help.
inline const std::vector<std::string> device_names{"cpu", "reference", "cuda", "auto"};
inline constexpr const char* device_help = "Backend; auto: cuda where there is a GPU for it, else cpu";

/// What --precision may name, and its help.
inline const std::vector<std::string> precision_names{"f32", "tf32", "f16", "bf16", "bf16_anywhere"};
inline constexpr const char* precision_help =
    "f32; bf16: bfloat16 factors, float32 sums, for GPUs and processors with AMX or AVX512-BF16; bf16_anywhere: also where it gains nothing; for GPUs also f16, and tf32: factors of 10 bits";

/// The backend of that name. The precision is one of precision_names: "f32" everywhere, "bf16" on cpu and cuda, "bf16_anywhere" on cpu (regulus::CpuPrecision),
/// "f16" and "tf32" on cuda. auto says on stderr why it takes the CPU. Throws regulus::ArgumentError for what a backend cannot compute in and for cuda in a
/// program built without it, regulus::BackendError where there is no GPU for it.
std::unique_ptr<regulus::Backend> make_backend(const std::string& device, const std::string& precision = "f32");

/// "800x1333" to height and width. Throws regulus::ArgumentError.
void parse_size(const std::string& text, int& height, int& width);

/// The padded size that a model's preprocessing gives the largest picture, for commands without --size.
void default_size(const regulus::ModelSpec& model, int& height, int& width);

}  // namespace tool

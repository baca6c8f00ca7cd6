// regnet2mmdet SRC DST: a RegNet that pycls trained, under the names of mmdetection's RegNet. Same use and same results as mmdetection's script.
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <regulus/converters/regnet2mmdet.hpp>

namespace {

constexpr const char* usage =
    "usage: regnet2mmdet [--drop-head] [--ema] SRC DST\n"
    "\n"
    "Writes the RegNetX of pycls in SRC (a checkpoint of any layout) to DST under the names of mmdetection's RegNet: {\"state_dict\": ...} for torch.load.\n"
    "DST appears whole or not at all.\n"
    "  --drop-head  leaves out fc.weight and fc.bias, which mmdetection's script keeps and its RegNet reports as unexpected\n"
    "  --ema        takes the moving average (ema_state) instead of model_state, which the script takes\n"
    "Exit codes: 0 ok, 2 usage or bad input.\n";

int run(const std::vector<std::string>& arguments) {
    regulus::Regnet2MmdetOptions options;
    std::vector<std::string> files;
    bool only_files = false;
    for (const std::string& argument : arguments) {
        if (only_files || argument.empty() || argument[0] != '-') files.push_back(argument);
        else if (argument == "--") only_files = true;
        else if (argument == "--drop-head") options.keep_head = false;
        else if (argument == "--ema") options.ema = true;
        else if (argument == "-h" || argument == "--help") return std::fputs(usage, stdout) < 0 ? 2 : 0;
        else throw regulus::ArgumentError("there is no option " + argument);
    }
    if (files.size() != 2) throw regulus::ArgumentError("SRC and DST are needed, got " + std::to_string(files.size()) + " files");
    const regulus::Regnet2MmdetResult result = regulus::regnet2mmdet(files[0], files[1], options);
    for (const std::string& name : result.skipped) std::fprintf(stderr, "not converted: %s\n", name.c_str());
    if (result.better_average) std::fprintf(stderr, "regnet2mmdet: %s also holds a moving average of lower error; --ema takes it\n", files[0].c_str());
    std::fprintf(stderr, "%s -> %s, %zu tensors; pictures go in as BGR\n", files[0].c_str(), files[1].c_str(), result.weights.size());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run({argv + 1, argv + argc});
    } catch (const regulus::ArgumentError& error) {
        std::fprintf(stderr, "regnet2mmdet: %s\n\n%s", error.what(), usage);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
    }
    return 2;
}

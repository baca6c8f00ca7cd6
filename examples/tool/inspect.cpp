// regulus inspect FILE: what a checkpoint holds.
#include <cstdio>
#include <memory>
#include <string>

#include <regulus/weights/checkpoint.hpp>

#include "command.hpp"
#include "terminal.hpp"

namespace tool {

namespace {

/// Text of a file that nobody vouches for, for a terminal: control characters as \xNN, cut after `limit` bytes.
std::string printable(const std::string& text, std::size_t limit) {
    std::string result;
    for (const char c : text.substr(0, limit)) {
        const unsigned char byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            result += "\\n";
        } else if (byte < 0x20 || byte == 0x7F) {
            char hex[8];
            std::snprintf(hex, sizeof hex, "\\x%02x", unsigned(byte));
            result += hex;
        } else {
            result += c;
        }
    }
    return text.size() > limit ? result + "..." : result;
}

void inspect(const std::string& path, bool long_metadata) {
    const regulus::CheckpointFile file = regulus::inspect_checkpoint(path);
    std::string text = path + ": " + regulus::name_of(file.layout) + ", " + thousands(static_cast<long long>(file.file_bytes)) + " bytes\n";
    for (std::size_t g = 0; g < file.groups.size(); ++g) {
        const regulus::TensorGroup& group = file.groups[g];
        long long elements = 0;
        for (const regulus::TensorRecord& tensor : group.tensors) elements += tensor.shape.numel();
        text += (group.name.empty() ? std::string("top level") : "\"" + printable(group.name, 200) + "\"") + ": " + thousands(static_cast<long long>(group.tensors.size())) + " tensors, " +
                thousands(elements) + " elements" + (g == file.weights_group ? "  (the weights)" : "") + "\n";
        for (const regulus::TensorRecord& tensor : group.tensors) {
            const std::string name = printable(tensor.name, 300);
            text += "  " + name + std::string(name.size() < 60 ? 60 - name.size() : 1, ' ') + tensor.dtype + std::string(tensor.dtype.size() < 10 ? 10 - tensor.dtype.size() : 1, ' ') +
                    regulus::to_string(tensor.shape) + (tensor.refusal.empty() ? "" : "  cannot be read: " + printable(tensor.refusal, 200)) + "\n";
        }
    }
    if (!file.metadata.empty()) text += "metadata:\n";
    for (const auto& [key, value] : file.metadata) text += "  " + printable(key, 200) + " = " + printable(value, long_metadata ? std::size_t(-1) : 100) + "\n";
    if (!file.unknown_globals.empty()) text += "classes and functions that are kept as inert values:\n";
    for (const std::string& name : file.unknown_globals) text += "  " + printable(name, 200) + "\n";
    print(text);
}

}  // namespace

void add_inspect(CLI::App& app, Outcome&) {
    auto path = std::make_shared<std::string>();
    auto long_metadata = std::make_shared<bool>(false);
    CLI::App* command = app.add_subcommand("inspect", "Prints layout, tensors (name, type, shape) and metadata of a checkpoint without executing anything in it.\n"
                                                      "Reads torch zip and legacy files, pickles of arrays, safetensors, npz and npy. Example: regulus inspect model.pth");
    command->add_option("FILE", *path, "Checkpoint")->required();
    command->add_flag("--long", *long_metadata, "Metadata in full length");
    command->callback([path, long_metadata] { inspect(*path, *long_metadata); });
}

}  // namespace tool

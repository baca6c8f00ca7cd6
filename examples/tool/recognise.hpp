#pragma once
// What a checkpoint is, from the names and shapes of its tensors; nothing of its data is read.
#include <cstddef>
#include <string>
#include <vector>

#include <regulus/weights/checkpoint_file.hpp>

namespace tool {

/// What names and shapes say.
struct Recognised {
    std::string code_base;              // whose names they are; empty: nobody's that Regulus knows; "regulus": ours
    std::string architecture;           // in words, with stages: "Mask R-CNN with a feature pyramid on RegNetX: ..."; empty: none
    std::vector<std::string> models;    // entries of the zoo whose shapes are all equal, of the same code base if there are any
    std::vector<std::string> backbones; // when there are none: networks whose backbone's shapes are all equal
    std::vector<std::string> licences;  // of those entries, each once
    std::size_t unknown = 0;            // tensors that no rule of the code base knows (counters apart)
};

/// `file_name` without its folder: an entry whose published file has this name goes before all others.
Recognised recognise(const regulus::TensorGroup& weights, const std::string& file_name);

}  // namespace tool

#pragma once
// weights/: names to tensors, and the readers and writers of the files that hold them. It includes core/ only.
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <regulus/core/tensor.hpp>

namespace regulus {

/// Named tensors in the order of the file, with the file's free-text metadata.
class Weights {
public:
    struct Entry {
        std::string name;
        Tensor tensor;
    };

    /// Adds a tensor; throws WeightError when the name is taken.
    void add(std::string name, Tensor tensor) {
        if (!index_.emplace(name, entries_.size()).second) throw WeightError("weights: \"" + name + "\" occurs twice");
        entries_.push_back({std::move(name), std::move(tensor)});
    }

    /// The tensor, or nullptr.
    const Tensor* find(const std::string& name) const {
        const auto found = index_.find(name);
        return found == index_.end() ? nullptr : &entries_[found->second].tensor;
    }

    const std::vector<Entry>& entries() const noexcept { return entries_; }
    std::size_t size() const noexcept { return entries_.size(); }
    bool empty() const noexcept { return entries_.empty(); }

    /// Where they come from, for messages: usually a file's path.
    std::string source = "weights";
    /// Free text of the file: for our own files the model's zoo name, classes and preprocessing.
    std::map<std::string, std::string> metadata;

private:
    std::vector<Entry> entries_;
    std::map<std::string, std::size_t> index_;
};

}  // namespace regulus

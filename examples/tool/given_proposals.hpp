#pragma once
// The boxes that the user gives to a detector that looks into given ones.
#include <cstdint>
#include <map>
#include <string>

#include <regulus/pipeline/proposals.hpp>

namespace tool {

inline constexpr const char* proposals_help = "Boxes to look into, for models that take them (Fast R-CNN): a pickle of ids, boxes and objectness_logits as detectron2 writes; ids are the pictures' in COCO results";

class GivenProposals {
public:
    GivenProposals() = default;
    /// Throws regulus::ArgumentError when `model` needs a file and `path`, which the user gives as `option`, is empty, or the other way round; what regulus::read_proposals throws.
    GivenProposals(const std::string& path, const regulus::Graph& graph, const std::string& model, const std::string& option = "--proposals");

    bool are_given() const { return !path_.empty(); }
    /// A picture's boxes; null where the model proposes its own. Throws regulus::FileError when the file has none for it.
    const regulus::ProposalList* of(std::int64_t id, const std::string& picture) const;

private:
    std::string path_, option_;
    std::map<std::int64_t, regulus::ProposalList> lists_;
};

}  // namespace tool

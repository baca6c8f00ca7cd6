#include "given_proposals.hpp"

#include <regulus/core/error.hpp>
#include <regulus/pipeline/proposal_file.hpp>

namespace tool {

GivenProposals::GivenProposals(const std::string& path, const regulus::Graph& graph, const std::string& model, const std::string& option) : path_(path), option_(option) {
    const bool takes = regulus::proposal_limit(graph) != 0;
    if (takes && path.empty()) throw regulus::ArgumentError(model + " looks into given boxes: give them with " + option + " FILE");
    if (!takes && !path.empty()) throw regulus::ArgumentError(option + ": " + model + " proposes its own boxes");
    if (takes) lists_ = regulus::read_proposals(path);
}

const regulus::ProposalList* GivenProposals::of(std::int64_t id, const std::string& picture) const {
    if (path_.empty()) return nullptr;
    const auto found = lists_.find(id);
    if (found == lists_.end()) throw regulus::FileError(option_ + ": " + path_ + " has no boxes for " + picture + ", whose id is " + std::to_string(id));
    return &found->second;
}

}  // namespace tool

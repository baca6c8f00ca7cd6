#pragma once
// Files of proposals, as detectron2 keeps them for Fast R-CNN.
#include <cstdint>
#include <map>
#include <string>

#include <regulus/pipeline/proposals.hpp>

namespace regulus {

/// Boxes by the id of their picture, each list by falling score (equal ones in the file's order). The file is a pickled dict of three lists of equal length: "ids" (or
/// "indexes"; whole numbers, or text that is one), "boxes" (arrays [boxes, 4], float32 or float64), "objectness_logits" (or "scores"; arrays [boxes]); "bbox_mode", if it is
/// there, is 0 for x1 y1 x2 y2 (which is the default) or 1 for x y width height. Nothing in the file is called. Throws FileError naming the file and what is wrong with it.
std::map<std::int64_t, ProposalList> read_proposals(const std::string& path);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/pipeline/proposal_file-impl.hpp>
#endif

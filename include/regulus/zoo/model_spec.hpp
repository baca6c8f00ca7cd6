#pragma once
// zoo/: named models: a type plus its facts. It includes models/ (and data/ for preprocessing).
// Here: what a model is besides its layers.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/data/keypoints.hpp>
#include <regulus/data/mask.hpp>
#include <regulus/data/preprocess.hpp>
#include <regulus/graph/graph.hpp>

namespace regulus {

/// How things and stuff become one map (PanopticCanvas in pipeline/panoptic.hpp). The defaults are those of all models of detectron2.
struct PanopticRule {
    float score = 0.5f;              ///< things below are left out
    float overlap = 0.5f;            ///< so are those of which more than this part is taken by better ones
    std::int64_t stuff_area = 4096;  ///< and stuff of fewer free pixels
};

/// How a detector was trained to see and to speak.
struct ModelFacts {
    Preprocessing preprocessing;
    std::vector<std::string> class_names;    ///< by label; a label beyond them is called "class 7"
    std::vector<std::int64_t> category_ids;  ///< the data set's id by label; a label beyond them has label + 1
    float mask_threshold = 0.5f;             ///< a mask's pixel is on from this probability on
    PasteRule paste_rule = PasteRule::sampled;  ///< how masks get their place in the picture
    bool multiplies_boxes = false;           ///< boxes go to the original picture by a factor, original over network sides (torchvision), not by a quotient
    std::vector<std::string> stuff_names;    ///< by label of a semantic head, whose label 0 is any thing; empty without one
    std::vector<std::int64_t> stuff_ids;     ///< the data set's ids of the same
    PanopticRule panoptic;
    std::vector<std::string> keypoint_names;  ///< in the order of the network's maps; empty without a keypoint head
    KeypointScore keypoint_score = KeypointScore::softmax;
    float keypoint_origin = 0.5f;            ///< coordinates of COCO's point 0 0: a pixel's centre (detectron2), or 0 (torchvision)
    bool clips_boxes = false;                ///< boxes are clipped to the original picture once they are scaled to it; what is empty then is left out (detectron2)

    /// The class's name, or "class 7".
    std::string class_name(int label) const;
    std::int64_t category_id(int label) const;
    /// The same of a semantic head's label: its name or "stuff 7", its id or the label.
    std::string stuff_name(int label) const;
    std::int64_t stuff_id(int label) const;
};

/// The facts that a model's type states in a static member `facts()`; the defaults of mmdetection's RegNet detectors without one.
template <class Model>
ModelFacts facts_of() {
    if constexpr (requires { Model::facts(); }) return Model::facts();
    else return {};
}

/// Facts as text for the metadata of a safetensors file: regulus.classes, regulus.category_ids, regulus.stuff_classes, regulus.stuff_ids, regulus.preprocessing (JSON).
std::map<std::string, std::string> facts_to_metadata(const ModelFacts& facts);

/// The facts that a file of weights states, put over `defaults`: Regulus's own keys, else the class names that mmdetection writes into its
/// checkpoints (only when `defaults` has none). Throws FileError, naming the source, for a regulus.* key that cannot be understood.
ModelFacts facts_from_metadata(const std::map<std::string, std::string>& metadata, const ModelFacts& defaults, const std::string& source);

/// A model that can be asked for by name.
struct ModelSpec {
    std::string name;                  ///< "<code base>/<published config name>"
    std::vector<std::string> aliases;  ///< other spellings, without the code base: "mask-rcnn_regnetx-3.2GF_fpn_1x_coco"
    std::string code_base;             ///< whose parameter names its checkpoints have: "mmdetection"
    std::string architecture;          ///< for people: "Mask R-CNN, RegNetX-3.2GF, FPN"
    Graph (*record)() = nullptr;
    ModelFacts facts;
    std::string licence;               ///< of the published weights
    std::string checkpoint;            ///< published file name; empty when none is known
    double box_ap = 0;                 ///< published, percent; 0: none
    double mask_ap = 0;
    double panoptic_quality = 0;
    double keypoint_ap = 0;
    double proposal_ar = 0;            ///< of a network that proposes regions only: published average recall of 1000 a picture, percent
    std::string data;                  ///< what it was trained and judged on
};

/// The recorded graph, named after the model. Throws ArgumentError for an entry without a recording function.
Graph recorded(const ModelSpec& model);

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/zoo/model_spec-impl.hpp>
#endif

#pragma once
// What mmdetection's script tools/model_converters/regnet2mmdet.py does: a RegNet that pycls trained becomes the backbone file that mmdetection's
// and mmdetection3d's configurations start from.
#include <string>
#include <vector>

#include <regulus/core/config.hpp>
#include <regulus/weights/weights.hpp>

namespace regulus {

struct Regnet2MmdetOptions {
    /// Keeps the classifier as fc.weight and fc.bias, as the script does. mmdetection's RegNet has none and reports the two as unexpected.
    bool keep_head = true;
    /// Takes the moving average of the weights; the script always takes `model_state`, also where the average is the better one.
    bool ema = false;
};

struct Regnet2MmdetResult {
    Weights weights;                   ///< under mmdetection's names, in the order of the source, values untouched (the stem still expects BGR)
    std::vector<std::string> skipped;  ///< names that the script has no rule for and leaves out
    bool better_average = false;       ///< the source also holds a moving average of lower error, which was not taken
};

/// One name: stem.conv -> conv1, stem.bn -> bn1, head.fc -> fc, s{s}.b{b}.f.{a,b,c} -> layer{s}.{b-1}.conv{1,2,3}, .{a,b,c}_bn -> bn{1,2,3}, and of
/// the first block proj and bn -> downsample.0 and downsample.1; empty for a name that the script leaves out.
/// Throws WeightError for a name of a block that the script cannot convert: RegNetY's squeeze-excite, other blocks' shortcuts, other parts.
std::string regnet2mmdet_name(const std::string& name);

/// All names, num_batches_tracked with them. Throws WeightError, naming what is missing, for weights that are no RegNetX of pycls.
Regnet2MmdetResult regnet2mmdet(const Weights& pycls, const Regnet2MmdetOptions& options = {});

/// Reads a file of any layout and writes a checkpoint {"state_dict": ...} for torch.load; `dst` appears whole or not at all and may be `src`.
/// Throws FileError for a file that cannot be read or written, WeightError as above.
Regnet2MmdetResult regnet2mmdet(const std::string& src, const std::string& dst, const Regnet2MmdetOptions& options = {});

}  // namespace regulus

#if !defined(REGULUS_COMPILED)
#include <regulus/converters/regnet2mmdet-impl.hpp>
#endif

#pragma once
// Every published RegNet as a named constant: RegNetX and RegNetY of pycls (the same networks in mmdetection, mmpretrain, timm
// and, unless a constant ends in _tv, torchvision), torchvision's differing ones (_tv), and the three giants of SEER and SWAG.
// Parameters: pycls's configs/dds_baselines, torchvision's models/regnet.py.
#include <regulus/models/regnet_stages.hpp>

namespace regulus {

inline constexpr RegNetStages regnetx_200mf = regnet({.w0 = 24, .wa = 36.44, .wm = 2.49, .depth = 13, .group_width = 8});
inline constexpr RegNetStages regnetx_400mf = regnet({.w0 = 24, .wa = 24.48, .wm = 2.54, .depth = 22, .group_width = 16});
inline constexpr RegNetStages regnetx_600mf = regnet({.w0 = 48, .wa = 36.97, .wm = 2.24, .depth = 16, .group_width = 24});
inline constexpr RegNetStages regnetx_800mf = regnet({.w0 = 56, .wa = 35.73, .wm = 2.28, .depth = 16, .group_width = 16});
inline constexpr RegNetStages regnetx_1_6gf = regnet({.w0 = 80, .wa = 34.01, .wm = 2.25, .depth = 18, .group_width = 24});
inline constexpr RegNetStages regnetx_3_2gf = regnet({.w0 = 88, .wa = 26.31, .wm = 2.25, .depth = 25, .group_width = 48});
inline constexpr RegNetStages regnetx_3_2gf_mdconv_c3_c5 = with_deformable(regnetx_3_2gf, Deformable::modulated);  // mmdetection
inline constexpr RegNetStages regnetx_4_0gf = regnet({.w0 = 96, .wa = 38.65, .wm = 2.43, .depth = 23, .group_width = 40});
inline constexpr RegNetStages regnetx_6_4gf = regnet({.w0 = 184, .wa = 60.83, .wm = 2.07, .depth = 17, .group_width = 56});
inline constexpr RegNetStages regnetx_8_0gf = regnet({.w0 = 80, .wa = 49.56, .wm = 2.88, .depth = 23, .group_width = 120});
inline constexpr RegNetStages regnetx_12gf = regnet({.w0 = 168, .wa = 73.36, .wm = 2.37, .depth = 19, .group_width = 112});
inline constexpr RegNetStages regnetx_16gf = regnet({.w0 = 216, .wa = 55.59, .wm = 2.1, .depth = 22, .group_width = 128});
inline constexpr RegNetStages regnetx_32gf = regnet({.w0 = 320, .wa = 69.86, .wm = 2.0, .depth = 23, .group_width = 168});
inline constexpr RegNetStages regnety_200mf = regnet({.w0 = 24, .wa = 36.44, .wm = 2.49, .depth = 13, .group_width = 8, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_400mf = regnet({.w0 = 48, .wa = 27.89, .wm = 2.09, .depth = 16, .group_width = 8, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_600mf = regnet({.w0 = 48, .wa = 32.54, .wm = 2.32, .depth = 15, .group_width = 16, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_800mf = regnet({.w0 = 56, .wa = 38.84, .wm = 2.4, .depth = 14, .group_width = 16, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_1_6gf = regnet({.w0 = 48, .wa = 20.71, .wm = 2.65, .depth = 27, .group_width = 24, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_3_2gf = regnet({.w0 = 80, .wa = 42.63, .wm = 2.66, .depth = 21, .group_width = 24, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_4_0gf = regnet({.w0 = 96, .wa = 31.41, .wm = 2.24, .depth = 22, .group_width = 64, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_6_4gf = regnet({.w0 = 112, .wa = 33.22, .wm = 2.27, .depth = 25, .group_width = 72, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_8_0gf = regnet({.w0 = 192, .wa = 76.82, .wm = 2.19, .depth = 17, .group_width = 56, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_12gf = regnet({.w0 = 168, .wa = 73.36, .wm = 2.37, .depth = 19, .group_width = 112, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_16gf = regnet({.w0 = 200, .wa = 106.23, .wm = 2.48, .depth = 18, .group_width = 112, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_32gf = regnet({.w0 = 232, .wa = 115.89, .wm = 2.53, .depth = 20, .group_width = 232, .se_ratio = 0.25});
inline constexpr RegNetStages regnetx_400mf_tv = regnet({.w0 = 24, .wa = 24.48, .wm = 2.54, .depth = 22, .group_width = 16, .rule = WidthRule::torchvision});
inline constexpr RegNetStages regnety_800mf_tv =
    regnet({.w0 = 56, .wa = 38.84, .wm = 2.4, .depth = 14, .group_width = 16, .se_ratio = 0.25, .rule = WidthRule::torchvision});
inline constexpr RegNetStages regnety_8_0gf_tv =
    regnet({.w0 = 192, .wa = 76.82, .wm = 2.19, .depth = 17, .group_width = 56, .se_ratio = 0.25, .rule = WidthRule::torchvision});
inline constexpr RegNetStages regnety_64gf = regnet({.w0 = 352, .wa = 147.48, .wm = 2.4, .depth = 20, .group_width = 328, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_128gf = regnet({.w0 = 456, .wa = 160.83, .wm = 2.52, .depth = 27, .group_width = 264, .se_ratio = 0.25});
inline constexpr RegNetStages regnety_256gf = regnet({.w0 = 640, .wa = 230.83, .wm = 2.53, .depth = 27, .group_width = 373, .se_ratio = 0.25});

}  // namespace regulus

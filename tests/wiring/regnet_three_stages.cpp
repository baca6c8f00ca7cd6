// expect: regnet: the parameters give fewer than four stages
// numbers: -
#include <regulus/models/regnet_stages.hpp>
using namespace regulus;

// The rounded parameters of the paper's figure for RegNetX-6.4GF.
inline constexpr RegNetStages wrong = regnet({.w0 = 184, .wa = 61, .wm = 2.1, .depth = 17, .group_width = 56});

// The definitions of backends/cpu/.
#include <regulus/cpu/bf16-impl.hpp>
#include <regulus/cpu/cpu-impl.hpp>
#include <regulus/cpu/deform_conv-impl.hpp>
#include <regulus/cpu/detection-impl.hpp>
#include <regulus/cpu/direct_conv-impl.hpp>
#include <regulus/cpu/encode_pillars-impl.hpp>
#include <regulus/cpu/maps-impl.hpp>
#include <regulus/cpu/matrix-impl.hpp>
#include <regulus/cpu/matrix_kernels-impl.hpp>
#include <regulus/cpu/onednn-impl.hpp>
#include <regulus/cpu/pillars-impl.hpp>
#include <regulus/cpu/plan-impl.hpp>
#include <regulus/cpu/primitive-impl.hpp>
#include <regulus/cpu/refine-impl.hpp>
#include <regulus/cpu/rotated_nms-impl.hpp>
#include <regulus/cpu/transposed_conv-impl.hpp>
#include <regulus/cpu/winograd-impl.hpp>

// The definitions of backends/cpu/ that learn.
#include <regulus/cpu/learning-impl.hpp>
#include <regulus/cpu/learning_deform_conv-impl.hpp>
#include <regulus/cpu/learning_group_norm-impl.hpp>
#include <regulus/cpu/learning_lines-impl.hpp>
#include <regulus/cpu/learning_maps-impl.hpp>
#include <regulus/cpu/learning_matrices-impl.hpp>
#include <regulus/cpu/learning_norm-impl.hpp>
#include <regulus/cpu/learning_pillars-impl.hpp>
#include <regulus/cpu/learning_products-impl.hpp>
#include <regulus/cpu/learning_roi_align-impl.hpp>

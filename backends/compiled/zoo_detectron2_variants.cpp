// The definitions of zoo/detectron2_variants.
#include <regulus/zoo/detectron2_variants-impl.hpp>

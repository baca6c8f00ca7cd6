// The definitions of zoo/detectron2_other_data.
#include <regulus/zoo/detectron2_other_data-impl.hpp>

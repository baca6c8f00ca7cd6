// The definitions of zoo/detectron2_proposals.
#include <regulus/zoo/detectron2_proposals-impl.hpp>

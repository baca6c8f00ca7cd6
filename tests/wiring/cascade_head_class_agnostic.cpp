// expect: CascadeBoxHead: the regions of a next stage need one box for all classes; use a class-agnostic BoxHead
// numbers: -
#include <regulus/layers/cascade.hpp>
using namespace regulus;

auto wrong(const Scope& scope, Pyramid<16, 4, 5> pyramid, Rois<30> rois, ValueId info) { return CascadeBoxHead<BoxHead<16, 7, 24, 5>>{}(scope, pyramid, rois, info); }

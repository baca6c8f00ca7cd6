// The definitions of include/regulus/draw/.
#include <regulus/draw/draw_detections-impl.hpp>
#include <regulus/draw/palette-impl.hpp>
#include <regulus/draw/plot-impl.hpp>

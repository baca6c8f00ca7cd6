// The definitions of include/regulus/draw/.
#include <regulus/draw/birds_eye-impl.hpp>
#include <regulus/draw/cloud_marks-impl.hpp>
#include <regulus/draw/draw_detections-impl.hpp>
#include <regulus/draw/palette-impl.hpp>
#include <regulus/draw/perspective-impl.hpp>
#include <regulus/draw/plot-impl.hpp>

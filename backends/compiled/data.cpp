// The definitions of include/regulus/data/.
#include <regulus/data/classify_augment-impl.hpp>
#include <regulus/data/classify_preprocess-impl.hpp>
#include <regulus/data/file-impl.hpp>
#include <regulus/data/flip-impl.hpp>
#include <regulus/data/image_file-impl.hpp>
#include <regulus/data/jpeg-impl.hpp>
#include <regulus/data/keypoints-impl.hpp>
#include <regulus/data/label_map-impl.hpp>
#include <regulus/data/mask-impl.hpp>
#include <regulus/data/picture_change-impl.hpp>
#include <regulus/data/png-impl.hpp>
#include <regulus/data/preprocess-impl.hpp>
#include <regulus/data/resize-impl.hpp>
#include <regulus/data/rle-impl.hpp>

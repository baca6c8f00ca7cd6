// The definitions of include/regulus/weights/.
#include <regulus/weights/checkpoint-impl.hpp>
#include <regulus/weights/checkpoint_numpy-impl.hpp>
#include <regulus/weights/checkpoint_pickle-impl.hpp>
#include <regulus/weights/checkpoint_safetensors-impl.hpp>
#include <regulus/weights/checkpoint_torch-impl.hpp>
#include <regulus/weights/choose_group-impl.hpp>
#include <regulus/weights/inflate-impl.hpp>
#include <regulus/weights/pickle-impl.hpp>
#include <regulus/weights/pickle_calls-impl.hpp>
#include <regulus/weights/pickle_numpy-impl.hpp>
#include <regulus/weights/read_weights-impl.hpp>
#include <regulus/weights/write_safetensors-impl.hpp>
#include <regulus/weights/write_torch-impl.hpp>
#include <regulus/weights/zip-impl.hpp>

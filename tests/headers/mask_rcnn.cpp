// The header-only program whose compile time is measured: check.sh compiles it, nothing runs it.
#include <regulus/models/mask_rcnn.hpp>

#include <regulus/cpu.hpp>

using namespace regulus;

int main() {
    const Graph graph = recorded<MaskRcnn<RegNet<regnetx_3_2gf>>>();
    return int(compile(CpuBackend{}, graph, Weights{}).steps({1, 64, 64}).size());
}

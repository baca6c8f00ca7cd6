// Calibrations and planes of KITTI and frame files of sweeps. First byte 'K': the rest is a calibration, 'P': a plane, else the whole is a frame file.
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <regulus/data/ground_plane.hpp>
#include <regulus/data/kitti_calibration.hpp>
#include <regulus/data/sweeps.hpp>

#include "memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace regulus;
    try {
        if (size != 0 && bytes[0] == 'K') {
            const KittiCalibration calibration = parse_kitti_calibration({reinterpret_cast<const char*>(bytes + 1), size - 1}, "fuzzed");
            const auto there = transformed(calibration.velo_to_rect(), {1, 2, 3}), back = transformed(inverse(calibration.velo_to_rect()), there);
            double far = 1;
            for (const double coordinate : calibration.velo_to_cam.translation) far = std::max(far, std::fabs(coordinate));
            if (!(std::fabs(back[0] - 1) <= 0.05 * far)) std::abort();  // rotations of three digits
            return 0;
        }
        if (size != 0 && bytes[0] == 'P') {
            const GroundPlane plane = parse_kitti_plane({reinterpret_cast<const char*>(bytes + 1), size - 1}, "fuzzed");
            if (!(std::fabs(plane.distance({0, 0, 0}) - plane.offset) == 0 && std::fabs(std::hypot(plane.normal[0], plane.normal[1], plane.normal[2]) - 1) < 1e-9)) std::abort();
            return 0;
        }
        static fuzz::MemoryFile file;
        file.write(bytes, size);
        for (const LidarSweep& sweep : read_lidar_frame(file.path(), "drive").sweeps) {
            if (!rotation_problem(sweep.to_key.rotation).empty() || !sweep.path.starts_with("drive/") || sweep.path.find("/../") != std::string::npos) std::abort();
        }
    } catch (const FileError& error) {
        if (std::strstr(error.what(), "/proc/self/fd/") == nullptr && std::strstr(error.what(), "\"fuzzed\"") == nullptr) std::abort();
    }
    return 0;
}

// Writes the seeds of the fuzz targets of point clouds: make_point_seeds FOLDER makes FOLDER/{bin,pcd,ply,calibration,tables}/*.
#include <filesystem>
#include <fstream>
#include <string>

#include <regulus/data/lzf.hpp>
#include <regulus/data/pcd.hpp>
#include <regulus/data/ply.hpp>
#include <regulus/data/point_cloud_file.hpp>

#include "../points/drive.hpp"

using namespace regulus;

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::filesystem::path folder = argv[1];
    int count = 0;
    const auto place = [&](const char* target) {
        std::filesystem::create_directories(folder / target);
        return (folder / target / ("points_" + std::to_string(count++))).string();
    };
    const auto put = [&](const char* target, const std::string& bytes) { std::ofstream(place(target), std::ios::binary) << bytes; };

    PointCloud cloud{5, {}};
    for (int i = 0; i < 40; ++i) cloud.values.push_back(float(i % 7) - 0.25f * float(i % 3));
    for (const PcdData data : {PcdData::ascii, PcdData::binary, PcdData::binary_compressed}) write_pcd(place("pcd"), cloud, {"intensity", "t"}, data);
    for (const PlyData data : {PlyData::ascii, PlyData::binary_little_endian, PlyData::binary_big_endian}) write_ply(place("ply"), cloud, {"intensity", "t"}, data);
    put("pcd", "VERSION .7\nFIELDS t z _ x y\nSIZE 2 8 1 1 4\nTYPE I F U U I\nCOUNT 1 1 3 1 1\nWIDTH 1\nHEIGHT 2\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 2\nDATA binary\n" + std::string(36, '\1'));
    put("pcd", "FIELDS x y z\nSIZE 4 4 8\nTYPE F F F\nPOINTS 2\nDATA ascii\n1 2 nan\n-1e3 +.5 3\n");
    const std::string lists = " 1.0\ncomment c\nobj_info o\nelement face 2\nproperty list uchar int i\nproperty uchar f\nelement vertex 1\nproperty short x\nproperty uint y\nproperty double z\nend_header\n";
    put("ply", "ply\nformat ascii" + lists + "2 1 2 7\n0 7\n-2 261 1.5\n");
    put("ply", "ply\nformat binary_big_endian" + lists + std::string("\2\0\0\0\1\0\0\0\2\7\0\7\0\1\0\0\0\2\0\0\0\0\0\0\0\0", 26));
    write_bin(place("bin"), cloud);
    std::string bin = "\x82";
    for (int i = 0; i < 72; ++i) bin += char(i % 4 == 3 ? 0x40 : i);
    put("bin", bin);
    const std::string text = "abcabcabcabcabcabcabcabcabcabc0000000000000000000000000000xyz";
    put("pcd", "L" + text);
    put("pcd", "L\x10" + lzf_compress({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));

    put("calibration", "KP2: 700 0 610 45 0 700 170 -0.3 0 0 1 0.005\nR0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.08 1 0 0 -0.27\n");
    put("calibration", R"({"key_file": "a.bin", "timestamp": 12.5, "sweeps": [{"file": "b.bin", "timestamp": 12.45, "sensor2lidar_rotation": [[0, -1, 0], [1, 0, 0], [0, 0, 1]], "sensor2lidar_translation": [0.1, 0, 0]}]})");

    std::string tables;
    const testing::Drive drive;
    for (const char* const name : {"scene.json", "sample.json", "sensor.json", "calibrated_sensor.json", "sample_data.json", "ego_pose.json", "category.json", "attribute.json", "instance.json",
                                   "sample_annotation.json"}) {
        std::string rows;
        for (const std::string& row : drive.rows.at(name)) {
            const bool first_scene = row.find("sd1_") == std::string::npos && row.find("camera") == std::string::npos && row.find("unused") == std::string::npos;
            if (first_scene) rows += (rows.empty() ? "" : ",") + row;
        }
        tables += "[" + rows + "]" + '\0';
    }
    put("tables", tables);
    return 0;
}

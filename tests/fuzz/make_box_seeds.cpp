// Writes the seeds of the fuzz targets of results files: make_box_seeds FOLDER makes FOLDER/{nuscenes_results,lyft_results,kitti_objects,panoptic,lvis,xml,voc,cityscapes}/*.
#include <filesystem>
#include <fstream>
#include <string>

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const auto put = [&](const std::string& target, const std::string& name, const std::string& text) {
        std::filesystem::create_directories(std::string(argv[1]) + "/" + target);
        std::ofstream(std::string(argv[1]) + "/" + target + "/" + name) << text;
    };
    const std::string place = "\"sample_token\":\"t\",\"translation\":[1,2,3],\"size\":[2,4,1.5],\"rotation\":[0.6,0,0,0.8]";
    const std::string found = "{" + place + ",\"velocity\":[0,0.5],\"detection_name\":\"bus\",\"detection_score\":0.25,\"attribute_name\":\"vehicle.moving\",\"num_pts\":3,\"ego_translation\":[1,2,3]}";
    put("nuscenes_results", "results", "{\"meta\":{\"use_lidar\":true},\"results\":{\"t\":[" + found + "," + found + "],\"u\":[]}}");
    put("nuscenes_results", "truth", "{\"results\":{\"t\":[" + found + "]},\"ego\":{\"t\":[0,0,0]},\"bicycle_racks\":{\"t\":[{" + place + "}]}}");
    const std::string box = "{" + place + ",\"name\":\"car\",\"score\":0.5}";
    put("lyft_results", "results", "{\"results\":{\"t\":[" + box + "," + box + "]}}");
    put("lyft_results", "flat", "[" + box + "," + box + "]");
    put("lyft_results", "csv", "Id,PredictionString\nt,0.5 1 2 3 2 4 1.5 0.1 car 0.25 1 2 3 2 4 1.5 -3 bus\nu,\n");
    put("panoptic", "truth", "{\"images\":[{\"id\":7,\"width\":6,\"height\":4,\"file_name\":\"a.jpg\"}],\"categories\":[{\"id\":3,\"name\":\"nut\",\"isthing\":1},{\"id\":1,\"name\":\"sea\",\"isthing\":0}],"
                             "\"annotations\":[{\"image_id\":7,\"file_name\":\"a.png\",\"segments_info\":[{\"id\":1,\"category_id\":3,\"area\":5,\"iscrowd\":0},{\"id\":9,\"category_id\":1,\"area\":2,\"iscrowd\":1}]}]}");
    put("panoptic", "results", "{\"annotations\":[{\"image_id\":7,\"file_name\":\"a/b.png\",\"segments_info\":[{\"id\":16777215,\"category_id\":3}]}]}");
    put("lvis", "judged", "{\"images\":[{\"id\":7,\"width\":6,\"height\":4,\"coco_url\":\"http://a/val2017/1.jpg\",\"neg_category_ids\":[2],\"not_exhaustive_category_ids\":[1]}],"
                        "\"categories\":[{\"id\":1,\"name\":\"nut\",\"frequency\":\"r\"},{\"id\":2,\"name\":\"sea\",\"frequency\":\"f\"}],"
                        "\"annotations\":[{\"id\":1,\"image_id\":7,\"category_id\":1,\"bbox\":[1,1,3,2],\"area\":6,\"segmentation\":[[1,1,4,1,4,3,1,3]]}]}\n"
                        "[{\"image_id\":7,\"category_id\":1,\"bbox\":[1,1,3,2],\"score\":0.5,\"segmentation\":{\"size\":[4,6],\"counts\":[5,2,17]}}]");
    const std::string annotation = "<?xml version=\"1.0\"?><annotation verified=\"yes\"><!-- a --><object><name>dog</name><difficult>0</difficult>"
                                   "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30.5</xmax><ymax>40</ymax></bndbox></object></annotation>\n";
    put("xml", "annotation", annotation);
    put("xml", "references", "<a x='&lt;'>&#65;&#x20AC;&amp;<![CDATA[<b>]]><c/></a>");
    using namespace std::string_literals;
    put("voc", "judged", annotation + "\0"s + "7 0.5 1 2 30.5 40\n7 0.25 1 2 20 30\n\0"s + "000001\n000002\n");
    put("cityscapes", "results", "masks/a_0.png 26 0.5\na_1.png 24.0 1e-3\n");
    put("kitti_objects", "label", "Car 0.0 1 -1.5 10 20 30 65 1.5 1.6 3.9 1 1.6 20 0.3\nDontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10\n");
    put("kitti_objects", "results", "Car -1 -1 -1.5 10 20 30 65 1.5 1.6 3.9 1 1.6 20 0.3 0.875\nCyclist -1 -1 0.5 11 21 31 60 1.5 0.6 1.9 2 1.6 21 0.2 0.5\n");
}

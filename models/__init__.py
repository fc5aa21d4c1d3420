"""Image -> heatmaps -> joints, and what is learned from. Pure torch: no files, no cluster, no data set names."""

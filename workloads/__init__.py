"""What runs inside a job: torch and DeepSpeed, no Ray, no MLflow. spec and run_folder import without torch."""

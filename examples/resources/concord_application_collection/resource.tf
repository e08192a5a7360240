resource "concord_application_collection" "intranet" {
  applications = {
    for name in ["wiki", "calendar", "tickets"] : name => {
      hosts = ["${name}.example.com"]
      resources = {
        all    = { paths = ["/**"] }
        status = { paths = ["/status"], protection = "public" }
      }
    }
  }
}

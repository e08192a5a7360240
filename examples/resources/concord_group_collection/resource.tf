resource "concord_group_collection" "offices" {
  groups = {
    for city in ["london", "lisbon", "lima"] : "office-${city}" => {
      description = "People who work in ${title(city)}"
    }
  }
}

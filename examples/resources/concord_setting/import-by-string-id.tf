import {
  to = concord_setting.banner
  id = "banner"
}
